"""Protocols of papers on audio-to-image generation: facts that are public, November 2026.

``a2ibench data prepare FILES --protocol NAME --out DIR`` takes layout and options from here, says
what is not public, and prints the command that scores as published.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from a2ibench.contracts.published import PublishedProtocol

AT_10 = 10.0
"""Length of the clips of VGGSound, AudioSet and LLP, in seconds."""

VGGSOUND50_CLASSES = (
    *("airplane flyby", "ambulance siren", "baby crying", "baby laughter"),
    *("baltimore oriole calling", "car engine idling", "car engine knocking", "cat purring"),
    *("chainsawing trees", "church bell ringing", "cow lowing", "dog barking"),
    *("driving snowmobile", "elk bugling", "fire truck siren", "gibbon howling", "hail"),
    *("hedge trimmer running", "ice cream truck, ice cream van", "lawn mowing", "orchestra"),
    *("owl hooting", "people cheering", "people crowd", "people marching", "playing bassoon"),
    *("playing drum kit", "playing harp", "playing harpsichord", "playing snare drum"),
    *("playing timbales", "printer printing", "railroad car, train wagon", "scuba diving"),
    *("sea waves", "sheep bleating", "singing choir", "skiing", "slot machine", "snake hissing"),
    *("stream burbling", "tractor digging", "train horning", "train wheels squealing"),
    *("train whistling", "underwater bubbling", "volcano explosion", "waterfall burbling"),
    *("wood thrush calling", "woodpecker pecking tree"),
)
MACS_METRICS = ("ais_cos_wav2clip", "ais_z_wav2clip", "iis_cos_clip_b32", "iis_z_clip_b32")
CLEAN_FID = (
    "FID, KID and CLIP-FID are by clean-fid, which no judge here is; run it on the exported"
    " pictures."
)


class VGGSound50(PublishedProtocol):
    """Sound2Scene (Sung-Bin et al. 2023): 50 classes of VGGSound at 128 px."""

    name = "vggsound50"
    title = "Sound2Scene (Sung-Bin et al. 2023), 50 classes of VGGSound"
    layout = "vggsound"
    options: ClassVar[Mapping[str, Any]] = {
        "classes": VGGSOUND50_CLASSES,
        "image_size": 128,
        "seconds": AT_10,
        "hop": AT_10,
    }
    metrics = ("image_r1_clip_b32", "image_r5_clip_b32", "image_r10_clip_b32")
    public = (
        "The 50 classes, and ten frames per training clip by number, at 10 frames a second, the"
        " first with the strongest link of sound and picture: github.com/kaist-ami/Sound2Scene."
        " A table with the column frame takes them.",
    )
    not_public = (
        "Which test clips were used, and the frame that stands for each, are not stated.",
        "FID and IS are by an Inception trained on VGGSound: a public file that no judge reads.",
    )


class Landscape(PublishedProtocol):
    """SonicDiffusion (Biner et al. 2024): Landscape, rates over 55 sounds."""

    name = "landscape"
    title = "SonicDiffusion (Biner et al. 2024), Landscape"
    layout = "manifest"
    options: ClassVar[Mapping[str, Any]] = {"image_size": 512}
    test_sounds = 55
    pictures_per_sound = 10
    metrics = ("ais_rate_wav2clip_44k", "iis_rate_clip_l14", "aic_zeroshot_clip_l14")
    public = (
        "The names of 5,993 training and 808 validation sounds and their pictures, their labels,"
        " and the evaluation script: github.com/BurakCanBiner/SonicDiffusion.",
        "Sounds are padded to 442,763 samples at 44.1 kHz, 10.04 s.",
    )
    not_public = (
        "Which 55 sounds were scored, and the embeddings of the reference sounds and pictures: the"
        " script reads both from files, and they may be those of the validation sounds or not.",
    )


class LLPMulti(PublishedProtocol):
    """MACS (Zhou et al. 2026): LLP-multi, several sources per sound."""

    name = "llp_multi"
    title = "MACS (Zhou et al. 2026), LLP-multi"
    layout = "manifest"
    options: ClassVar[Mapping[str, Any]] = {
        "image_size": 512,
        "seconds": AT_10,
        "hop": AT_10,
        "several": "keep",
    }
    metrics = MACS_METRICS
    public = (
        "Per second of each clip, the number of events that are both heard and seen: 10,000"
        " training, 649 validation and 1,200 test clips: github.com/alxzzhou/MACS.",
    )
    not_public = (
        "The frames themselves: the numbers are a reference, and CLIP may have chosen among them.",
        CLEAN_FID,
    )


class AudioSetEval(PublishedProtocol):
    """MACS (Zhou et al. 2026): clips of AudioSet's evaluation set, several labels each."""

    name = "audioset_eval"
    title = "MACS (Zhou et al. 2026), AudioSet-Eval"
    layout = "manifest"
    options: ClassVar[Mapping[str, Any]] = {
        "image_size": 512,
        "seconds": AT_10,
        "hop": AT_10,
        "several": "keep",
    }
    metrics = MACS_METRICS
    public = (
        "Labels of 20,371 clips, and the frames of each with the most events:"
        " github.com/alxzzhou/MACS.",
    )
    not_public = ("Which of these frames was taken: at random, or by CLIP.", CLEAN_FID)


class AVEProtocol(PublishedProtocol):
    """AVE (Tian et al. 2018): its lists of 4,143 events in 28 classes."""

    name = "ave"
    title = "AVE (Tian et al. 2018), its own lists"
    layout = "ave"
    options: ClassVar[Mapping[str, Any]] = {"several": "drop"}
    public = (
        "The lists: 4,143 events in 4,097 videos; 45 videos have two classes, 8 are on a training"
        " and the test list.",
    )
    not_public = (
        "Frames, sizes and metrics: no protocol for audio-to-image generation was found for it.",
    )


class Yang2020(PublishedProtocol):
    """Yang, Su and Wang 2020: baseball and soccer, cleaned from the lists of Wan et al."""

    name = "yang2020"
    title = "Yang, Su and Wang 2020, two classes"
    layout = "wan2019"
    options: ClassVar[Mapping[str, Any]] = {"image_size": 128}
    test_sounds = 218
    pictures_per_sound = 1
    metrics = (
        *("is10_published_inceptionv3", "accuracy_resnet18"),
        *("rprec1_i2a_cnn", "rprec5_i2a_cnn", "rprec10_i2a_cnn"),
    )
    public = ("The lists of Wan et al. 2019, from which it was cleaned: baseball and soccer only.",)
    not_public = (
        "Which 2,065 training pairs and 218 test sounds were kept, and the length of a sound.",
        "The weights of its classifier and of its image-to-audio network: those here are others.",
    )


class Wan2019Protocol(PublishedProtocol):
    """Wan, Chuang and Lee 2019: nine classes of SoundNet's videos at 64 px."""

    name = "wan2019"
    title = "Wan, Chuang and Lee 2019, nine classes"
    layout = "wan2019"
    options: ClassVar[Mapping[str, Any]] = {"image_size": 64}
    test_sounds = 248
    pictures_per_sound = 1
    metrics = ("is10_published_inceptionv3",)
    public = ("The lists, 10,701 training pairs and 248 test sounds, without the videos.",)
    not_public = ("Which frame of a video was taken.",)
