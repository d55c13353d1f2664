"""ResNet-18 for images of any size, with a chosen width."""

import torch
from torch import nn
from torchvision.models.resnet import BasicBlock

from a2ibench.nn.image_conv import ImageConv2d


class ResNet18(nn.Module):
    """ResNet-18 (He et al. 2016): a stem, four stages of two basic blocks, mean, linear.

    torchvision's own constructor fixes the width of basic blocks at 64; its block is used here.

    ``width`` is the number of channels of the first stage; 64 is the paper's.

    Shapes: float ``[n, 3, H, W]`` in [−1, 1] → ``[n, outputs]``. H, W ≥ 32.
    """

    def __init__(self, outputs: int, width: int = 64) -> None:
        super().__init__()
        widths = [width, 2 * width, 4 * width, 8 * width]
        self.stem = nn.Sequential(
            ImageConv2d(3, width, 7, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, stride=2, padding=1),
        )
        stages: list[nn.Module] = []
        before = width
        for i, channels in enumerate(widths):
            stride = 1 if i == 0 else 2
            shortcut = None
            if stride != 1:
                # Every other pixel and then 1×1: a 1×1 convolution with stride 2. The same in one
                # layer is avoided: a kernel of oneDNN 3.12 for it can end the process.
                shortcut = nn.Sequential(
                    nn.MaxPool2d(1, stride=stride),
                    nn.Conv2d(before, channels, 1, bias=False),
                    nn.BatchNorm2d(channels),
                )
            stages += [
                BasicBlock(before, channels, stride, shortcut),
                BasicBlock(channels, channels),
            ]
            before = channels
        self.stages = nn.Sequential(*stages)
        self.head = nn.Linear(before, outputs)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """See the class."""
        return self.head(self.stages(self.stem(image)).mean(dim=(2, 3)))
