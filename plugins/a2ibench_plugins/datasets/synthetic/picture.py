"""The pictures of scenes: one function per class, drawn large and averaged down."""

import colorsys
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from a2ibench.types import ImageArray

from .scene import Scene

OVERSAMPLING = 4
"""Canvas pixels along the side of an image pixel."""

CIRCLE = np.exp(2j * np.pi * np.arange(32) / 32).view(np.float64).reshape(-1, 2)
"""Points [32, 2] of the unit circle."""

Color = tuple[int, int, int]
Point = tuple[float, float]

WHITE, BLACK, GREY = (245, 245, 245), (25, 25, 28), (150, 150, 152)
GRASS, SAND, WATER, WOOD = (62, 140, 60), (190, 140, 90), (40, 95, 160), (150, 90, 45)
RED, GOLD, SKIN, BLUE = (200, 40, 40), (225, 180, 60), (230, 180, 150), (40, 70, 190)


@dataclass(frozen=True)
class Pen:
    """A pen in a frame of its own: x to the right, y downwards, the whole canvas is [0, 1]².

    Attributes:
        ink: Pillow's drawing surface.
        size: side of the canvas in pixels.
        x, y: the frame's origin on the canvas.
        scale: length of its unit.
        angle: its rotation in radians, clockwise.
    """

    ink: ImageDraw.ImageDraw
    size: int
    x: float = 0.0
    y: float = 0.0
    scale: float = 1.0
    angle: float = 0.0

    def at(self, x: float, y: float, scale: float = 1.0, angle: float = 0.0) -> "Pen":
        """A frame inside this one, not rotated yet."""
        return replace(
            self,
            x=self.x + self.scale * x,
            y=self.y + self.scale * y,
            scale=self.scale * scale,
            angle=angle,
        )

    def area(self, points: npt.ArrayLike, fill: Color) -> None:
        """A filled polygon."""
        p = np.asarray(points, dtype=np.float64) * self.scale
        c, s = np.cos(self.angle), np.sin(self.angle)
        p = p @ np.array([[c, s], [-s, c]]) + (self.x, self.y)
        self.ink.polygon((p * self.size).ravel().tolist(), fill=fill)

    def box(self, left: float, top: float, right: float, bottom: float, fill: Color) -> None:
        """A filled rectangle."""
        self.area([(left, top), (right, top), (right, bottom), (left, bottom)], fill)

    def disc(self, x: float, y: float, rx: float, ry: float, fill: Color) -> None:
        """A filled ellipse."""
        self.area(CIRCLE * (rx, ry) + (x, y), fill)

    def line(self, a: Point, b: Point, width: float, fill: Color) -> None:
        """A straight stroke with square ends."""
        d = np.subtract(b, a)
        nx, ny = width / 2 * np.array([-d[1], d[0]]) / max(float(np.hypot(*d)), 1e-9)
        self.area(
            [
                (a[0] + nx, a[1] + ny),
                (b[0] + nx, b[1] + ny),
                (b[0] - nx, b[1] - ny),
                (a[0] - nx, a[1] - ny),
            ],
            fill,
        )

    def arc(self, x: float, y: float, radius: float, middle: float, fill: Color) -> None:
        """A stroke of a third of a circle around the direction ``middle`` (radians)."""
        turn = middle + np.linspace(-0.6, 0.6, 9)
        inner, outer = radius - 0.018, radius + 0.018
        edge = [(x + outer * np.cos(t), y + outer * np.sin(t)) for t in turn]
        edge += [(x + inner * np.cos(t), y + inner * np.sin(t)) for t in turn[::-1]]
        self.area(edge, fill)


def sky_color(scene: Scene) -> Color:
    """The colour that ``hue`` gives, from blue over violet and pink to orange."""
    r, g, b = colorsys.hsv_to_rgb((0.55 + 0.52 * scene.hue) % 1, 0.45, 0.98)
    return round(255 * r), round(255 * g), round(255 * b)


def shift(scene: Scene, reach: float = 0.3) -> float:
    """The middle of the scene that ``camera`` gives."""
    return 0.5 + reach * (scene.camera - 0.5)


def grow(scene: Scene, small: float, large: float) -> float:
    """The size that ``level`` gives."""
    return small + (large - small) * scene.level


def rise(scene: Scene, low: float, high: float) -> float:
    """The height on the canvas (y points down) that ``pitch`` gives."""
    return low + (high - low) * scene.pitch


def note(pen: Pen, x: float, y: float) -> None:
    """A quaver."""
    pen.disc(x, y, 0.038, 0.03, BLACK)
    pen.line((x + 0.03, y), (x + 0.03, y - 0.12), 0.016, BLACK)
    pen.line((x + 0.026, y - 0.12), (x + 0.075, y - 0.07), 0.022, BLACK)


def baseball(pen: Pen, s: Scene) -> None:
    """A batter and fielders on the diamond; the ball flies as high as the crack is."""
    x = shift(s, 0.2)
    pen.box(0, 0.42, 1, 1, GRASS)
    pen.box(0, 0.38, 1, 0.45, (25, 75, 50))
    pen.area([(x, 0.5), (x + 0.62, 0.72), (x, 1.0), (x - 0.62, 0.72)], SAND)
    pen.area([(x, 0.58), (x + 0.36, 0.72), (x, 0.88), (x - 0.36, 0.72)], GRASS)
    for bx, by in ((x, 0.52), (x + 0.52, 0.72), (x - 0.52, 0.72)):
        pen.box(bx - 0.035, by - 0.02, bx + 0.035, by + 0.02, WHITE)
    for k in range(s.count):
        fielder = pen.at(x + 0.02 + 0.115 * k, 0.7 - 0.05 * (k % 2), 0.9)
        fielder.box(-0.05, -0.08, 0.05, 0.0, WHITE)
        fielder.box(-0.055, -0.2, 0.055, -0.07, BLUE)
        fielder.disc(0.0, -0.235, 0.04, 0.045, SKIN)
    batter = pen.at(x - 0.22, 0.95, grow(s, 0.55, 1.05))
    batter.line((-0.03, -0.2), (-0.07, 0.0), 0.06, GREY)
    batter.line((0.03, -0.2), (0.07, 0.0), 0.06, GREY)
    batter.box(-0.075, -0.42, 0.075, -0.18, WHITE)
    batter.line((0.02, -0.38), (0.14, -0.34), 0.05, SKIN)
    batter.disc(0.0, -0.49, 0.065, 0.07, SKIN)
    batter.area([(-0.07, -0.51), (0.12, -0.51), (0.04, -0.58), (-0.05, -0.58)], RED)
    batter.line((0.12, -0.33), (0.27, -0.62), 0.05, WOOD)
    ball = pen.at(x + 0.12, rise(s, 0.42, 0.1), 0.075)
    ball.disc(0, 0, 1, 1, WHITE)
    for side in (-1, 1):
        ball.line((0.75 * side, -0.55), (0.5 * side, 0.0), 0.2, RED)
        ball.line((0.5 * side, 0.0), (0.75 * side, 0.55), 0.2, RED)


def soccer(pen: Pen, s: Scene) -> None:
    """A goal, players, and a ball in the air: the higher the kick sounds the higher it flies."""
    x = shift(s)
    for k in range(6):
        pen.box(0, 0.5 + k / 12, 1, 0.5 + (k + 1) / 12, GRASS if k % 2 else (80, 165, 70))
    pen.box(x - 0.34, 0.2, x + 0.34, 0.56, (105, 120, 125))
    for k in range(1, 8):
        pen.line((x - 0.34 + 0.085 * k, 0.2), (x - 0.34 + 0.085 * k, 0.56), 0.008, WHITE)
    for k in range(1, 5):
        pen.line((x - 0.34, 0.2 + 0.072 * k), (x + 0.34, 0.2 + 0.072 * k), 0.008, WHITE)
    for side in (-0.34, 0.34):
        pen.line((x + side, 0.18), (x + side, 0.58), 0.03, WHITE)
    pen.line((x - 0.355, 0.19), (x + 0.355, 0.19), 0.03, WHITE)
    for k in range(s.count):
        player = pen.at(x - 0.3 + 0.2 * k, 0.93)
        player.line((-0.02, -0.1), (-0.04, 0.0), 0.03, SKIN)
        player.line((0.02, -0.1), (0.04, 0.0), 0.03, SKIN)
        player.box(-0.045, -0.14, 0.045, -0.08, WHITE)
        player.box(-0.05, -0.25, 0.05, -0.13, RED if k % 2 else BLUE)
        player.disc(0.0, -0.29, 0.036, 0.04, SKIN)
    ball = pen.at(x, rise(s, 0.62, 0.16), grow(s, 0.08, 0.17))
    ball.disc(0, 0, 1.08, 1.08, BLACK)
    ball.disc(0, 0, 1, 1, WHITE)
    turn = 2 * np.pi * np.arange(5) / 5 - np.pi / 2
    ball.area([(0.36 * np.cos(t), 0.36 * np.sin(t)) for t in turn], BLACK)
    for t in turn:
        edge = [(0.78, t - 0.22), (0.98, t - 0.3), (0.98, t + 0.3), (0.78, t + 0.22)]
        ball.area([(r * np.cos(a), r * np.sin(a)) for r, a in edge], BLACK)


def dam(pen: Pen, s: Scene) -> None:
    """A wall between hills; water falls from its gates, the higher the brighter it sounds."""
    x, top = shift(s), rise(s, 0.58, 0.26)
    pen.area([(x - 1.1, 0.8), (x - 0.55, 0.08), (x - 0.2, 0.8)], (85, 110, 80))
    pen.area([(x + 0.2, 0.8), (x + 0.6, 0.14), (x + 1.1, 0.8)], (70, 95, 70))
    pen.area([(x - 0.44, top), (x + 0.44, top), (x + 0.36, 0.82), (x - 0.36, 0.82)], GREY)
    pen.box(x - 0.46, top - 0.04, x + 0.46, top + 0.02, (105, 105, 110))
    pen.box(0, 0.8, 1, 1, WATER)
    half = grow(s, 0.022, 0.075)
    for k in range(s.count):
        gx = x + 0.19 * (k - (s.count - 1) / 2)
        pen.box(gx - half, top + 0.06, gx + half, 0.82, (225, 238, 248))
        pen.line((gx, top + 0.08), (gx, 0.8), half / 3, (150, 195, 230))
        pen.disc(gx, 0.83, half + 0.035, 0.045, WHITE)


def dog(pen: Pen, s: Scene) -> None:
    """A dog from the side that lifts its head the higher it barks."""
    pen.box(0, 0.74, 1, 1, GRASS)
    coat, dark = (165, 105, 55), (105, 62, 30)
    body = pen.at(shift(s, 0.16) - 0.12, 0.9, grow(s, 0.55, 0.8))
    body.line((-0.27, -0.36), (-0.42, -0.56), 0.055, coat)
    for leg, fill in ((-0.2, dark), (0.17, dark), (-0.27, coat), (0.11, coat)):
        body.box(leg, -0.26, leg + 0.075, 0.0, fill)
    body.disc(-0.04, -0.32, 0.28, 0.125, coat)
    lift = rise(s, 0.12, -0.26)
    hx, hy = 0.29, -0.42 + lift
    body.line((0.14, -0.36), (hx, hy), 0.16, coat)
    head = body.at(hx, hy, angle=0.25 - 0.9 * s.pitch)
    head.disc(0, 0, 0.13, 0.12, coat)
    head.area([(0.05, -0.06), (0.26, -0.03), (0.26, 0.03), (0.05, 0.04)], coat)
    head.area([(0.05, 0.05), (0.22, 0.1), (0.18, 0.14), (0.02, 0.11)], coat)
    head.area([(0.07, 0.04), (0.25, 0.03), (0.2, 0.1)], RED)
    head.disc(0.26, -0.02, 0.034, 0.03, BLACK)
    head.disc(0.05, -0.05, 0.024, 0.024, BLACK)
    head.area([(-0.08, -0.1), (-0.02, -0.1), (-0.07, 0.12), (-0.14, 0.08)], dark)
    for k in range(s.count):
        head.arc(0.14, 0.03, 0.19 + 0.065 * k, 0.1, WHITE)


def drum(pen: Pen, s: Scene) -> None:
    """A drum with two sticks: wide and low, or narrow and high as it sounds."""
    pen.box(0, 0.78, 1, 1, WOOD)
    kit = pen.at(shift(s, 0.2), 0.88, grow(s, 0.65, 1.05))
    wide, top = rise(s, 0.38, 0.2), rise(s, -0.2, -0.5)
    flat = 0.24 * wide
    kit.disc(0, 0, wide, flat, GOLD)
    kit.disc(0, -0.03, wide, flat, RED)
    kit.box(-wide, top, wide, -0.03, RED)
    for k in range(-2, 3):
        kit.line((0.42 * k * wide, top + flat), (0.42 * k * wide, flat * 0.6), 0.022, GOLD)
    kit.disc(0, top + 0.03, wide, flat, GOLD)
    kit.disc(0, top, wide, flat, WHITE)
    for side in (-1, 1):
        kit.line((side * 0.07, top), (side * (wide + 0.1), top - 0.24), 0.035, (225, 190, 130))
        kit.disc(side * 0.07, top, 0.035, 0.03, (225, 190, 130))
    for k in range(s.count):
        kit.arc(0, top, 0.1 + 0.06 * k, -np.pi / 2, BLACK)


def guitar(pen: Pen, s: Scene) -> None:
    """An upright guitar; the hand is the nearer to the body the higher the note."""
    x, size = shift(s, 0.24), grow(s, 0.72, 1.0)
    body, dark = (205, 125, 50), (90, 50, 25)
    frame = pen.at(x, 0.98, size)
    frame.disc(0, -0.19, 0.235, 0.19, dark)
    frame.disc(0, -0.43, 0.175, 0.15, dark)
    frame.disc(0, -0.19, 0.215, 0.17, body)
    frame.disc(0, -0.43, 0.155, 0.13, body)
    frame.box(-0.12, -0.42, 0.12, -0.28, body)
    frame.disc(0, -0.37, 0.08, 0.08, BLACK)
    frame.box(-0.09, -0.16, 0.09, -0.12, dark)
    frame.box(-0.035, -0.86, 0.035, -0.42, dark)
    frame.box(-0.06, -0.97, 0.06, -0.85, BLACK)
    for k in (-0.022, 0.0, 0.022):
        frame.line((k, -0.9), (k, -0.14), 0.007, WHITE)
    hand, away = rise(s, -0.84, -0.5), 1 if x < 0.5 else -1
    frame.line((0, hand), (-0.26 * away, hand + 0.16), 0.09, BLUE)
    frame.disc(0, hand, 0.085, 0.055, SKIN)
    for k in range(s.count):
        note(pen, x + 0.32 * away + 0.1 * (k % 2) - 0.04, 0.2 + 0.17 * k)


def piano(pen: Pen, s: Scene) -> None:
    """A grand piano with its keys in front; its lid is the further open the higher it sounds."""
    pen.box(0, 0.84, 1, 1, (120, 70, 50))
    x = shift(s, 0.16)
    case = pen.at(x, 0.95, grow(s, 0.7, 1.05))
    lid = rise(s, 0.04, 0.42)
    case.area([(-0.36, -0.4), (0.4, -0.4), (0.24, -0.4 - lid), (-0.3, -0.4 - 0.6 * lid)], BLACK)
    case.area(
        [(-0.31, -0.42), (0.33, -0.42), (0.2, -0.37 - lid), (-0.26, -0.37 - 0.6 * lid)],
        (120, 65, 30),
    )
    case.line((0.34, -0.38), (0.23, -0.38 - 0.9 * lid), 0.016, GOLD)
    case.box(-0.4, -0.42, 0.42, -0.3, BLACK)
    case.box(-0.4, -0.3, 0.42, -0.18, WHITE)
    for k in range(1, 12):
        kx = -0.4 + 0.82 * k / 12
        case.line((kx, -0.3), (kx, -0.18), 0.008, GREY)
        if k % 7 not in (3, 0):
            case.box(kx - 0.016, -0.3, kx + 0.016, -0.235, BLACK)
    case.box(-0.42, -0.18, 0.44, -0.14, BLACK)
    for leg in (-0.36, 0.36):
        case.box(leg - 0.03, -0.14, leg + 0.03, 0.0, BLACK)
    for k in range(s.count):
        note(pen, x - 0.33 + 0.22 * k, 0.2 - 0.03 * (k % 2))


def plane(pen: Pen, s: Scene) -> None:
    """A propeller plane over a runway, as high as it sounds, with puffs of smoke behind it."""
    pen.box(0, 0.86, 1, 1, GRASS)
    pen.box(0, 0.91, 1, 0.96, (90, 90, 95))
    body = pen.at(shift(s, 0.14) + 0.14, rise(s, 0.72, 0.2), grow(s, 0.45, 0.72))
    trim = (30, 80, 170)
    for k in range(s.count):
        body.disc(-0.44 - 0.12 * k, 0.03 * (-1) ** k, 0.065, 0.055, (60, 60, 66))
    body.area([(-0.36, -0.04), (-0.44, -0.22), (-0.33, -0.22), (-0.2, -0.05)], trim)
    body.disc(0, 0, 0.34, 0.095, WHITE)
    body.area([(-0.36, -0.03), (0.0, -0.09), (0.0, 0.09)], WHITE)
    body.box(-0.3, 0.015, 0.3, 0.045, trim)
    for k in range(4):
        body.disc(-0.12 + 0.09 * k, -0.03, 0.024, 0.026, BLACK)
    body.area([(-0.02, 0.02), (0.12, 0.02), (-0.06, 0.22), (-0.16, 0.22)], trim)
    body.disc(0.35, 0, 0.035, 0.04, RED)
    body.line((0.37, -0.17), (0.37, 0.17), 0.026, BLACK)


def speedboat(pen: Pen, s: Scene) -> None:
    """A motor boat that lifts its bow, and its wake, the higher its engine sounds."""
    horizon = 0.42
    pen.box(0, horizon, 1, 1, WATER)
    pen.area([(0, horizon), (0.25, 0.36), (0.6, 0.39), (1, horizon)], (75, 105, 95))
    x, size = shift(s, 0.2), grow(s, 0.6, 1.0)
    wake = rise(s, 0.05, 0.4)
    stern = pen.at(x, 0.66, size)
    for k in range(5):
        stern.disc(-0.32 - 0.05 * k, 0.07 - 0.21 * wake * k, 0.075, 0.05 + 0.15 * wake, WHITE)
    stern.disc(-0.15, 0.1, 0.45, 0.04, WHITE)
    boat = pen.at(x, 0.66, size, angle=-0.06 - 0.4 * s.pitch)
    boat.area([(-0.34, -0.06), (0.46, -0.12), (0.28, 0.1), (-0.3, 0.1)], RED)
    boat.area([(-0.34, -0.06), (0.46, -0.12), (0.42, -0.06), (-0.34, 0.0)], WHITE)
    boat.area([(0.0, -0.08), (0.08, -0.23), (0.13, -0.22), (0.2, -0.1)], (120, 200, 230))
    boat.box(-0.2, -0.14, -0.06, -0.06, BLACK)
    boat.disc(-0.1, -0.22, 0.05, 0.055, SKIN)
    boat.box(-0.42, -0.1, -0.33, 0.06, BLACK)
    for k in range(s.count):
        y = 0.79 + 0.062 * k
        for j in range(6):
            cx = (j + 0.5 * (k % 2)) / 5.5
            pen.area(
                [(cx - 0.08, y + 0.02), (cx, y - 0.022), (cx + 0.08, y + 0.02)], (150, 200, 235)
            )


PICTURES: dict[str, Callable[[Pen, Scene], None]] = {
    picture.__name__: picture
    for picture in (baseball, soccer, dam, dog, drum, guitar, piano, plane, speedboat)
}


def draw(label: str, scene: Scene, size: int) -> ImageArray:
    """The picture of a scene.

    Args:
        label: a class.
        scene: the latent state.
        size: S, side of the image in pixels.

    Returns:
        uint8 ``[S, S, 3]``, RGB, antialiased.
    """
    side = OVERSAMPLING * size
    canvas = Image.new("RGB", (side, side), sky_color(scene))
    PICTURES[label](Pen(ImageDraw.Draw(canvas), side), scene)
    light = 0.55 + 0.45 * scene.shade
    picture = np.asarray(canvas.reduce(OVERSAMPLING), dtype=np.float32)
    return np.rint(picture * np.float32(light)).astype(np.uint8)
