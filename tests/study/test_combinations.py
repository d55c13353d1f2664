"""Datasets and encoders of one command: a request for each combination, with its own options."""

from pathlib import Path

from a2ibench.study.combinations import expand_axes
from a2ibench.study.request import Request
from a2ibench.study.study_file import read_study_file, save_requests

ASKED = Request(
    ("vae", "cvae"),
    settings={
        "vae@mfcc": {"lr": 3e-4},
        "vae": {"lr": 1e-3, "beta": 2.0},
        "cvae@synthetic": {"beta": 0.5},
        "logmel": {"bands": 32},
    },
)


def test_options_with_one_encoder_or_dataset_are_those_of_its_studies_alone(
    tmp_path: Path,
) -> None:
    store = tmp_path / "mine"
    root, requests = expand_axes(ASKED, ["synthetic", str(store)], ["mfcc", "logmel"])
    assert {str(one.folder and one.folder.relative_to(root)): one.settings for one in requests} == {
        "synthetic-mfcc": {"vae": {"lr": 3e-4, "beta": 2.0}, "cvae": {"beta": 0.5}},
        "synthetic-logmel": {
            "vae": {"lr": 1e-3, "beta": 2.0}, "cvae": {"beta": 0.5}, "logmel": {"bands": 32},
        },
        "mine-mfcc": {"vae": {"lr": 3e-4, "beta": 2.0}},
        "mine-logmel": {"vae": {"lr": 1e-3, "beta": 2.0}, "logmel": {"bands": 32}},
    }  # fmt: skip


def test_the_file_of_all_of_them_keeps_the_options_of_each(tmp_path: Path) -> None:
    _, requests = expand_axes(ASKED, ["synthetic"], ["mfcc", "logmel"])
    save_requests(tmp_path, requests, ASKED.settings)
    again = read_study_file(tmp_path / "study.yaml")
    assert again["settings"] == ASKED.settings
    save_requests(tmp_path, requests[:1])
    alone = read_study_file(tmp_path / "study.yaml")
    assert alone["settings"] == requests[0].settings
