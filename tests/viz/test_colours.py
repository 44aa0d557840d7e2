"""The colour scales as people with each kind of colour blindness see them: order and kinds stay apart."""

from itertools import combinations, pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from viz.colours import CATEGORIES, DIVERGING, DIVERGING_TINT, SEQUENTIAL, TINT, Theme, style_sheet

Vector = NDArray[np.float64]

# Machado, Oliveira and Fernandes, "A Physiologically-based Model for Simulation of Color Vision Deficiency" (2009),
# severity 1.0, on linear sRGB.
SEEN_BY = {
    "everyone": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
WHITE = TO_XYZ @ np.ones(3)
# CIE76 distances; about 2.3 is the least that is seen side by side.
KINDS_APART = 13.0
STEPS_APART = 8.0
ENDS_APART = 40.0
MARK = 3.0  # the least contrast of what is no text: WCAG 2.1, 1.4.11


def linear(colour: str) -> Vector:
    """The light of a colour, red, green and blue from 0 to 1."""
    coded = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    return np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)


def seen(colour: str, by: str) -> Vector:
    """CIELAB of a colour as someone sees it."""
    ratio = TO_XYZ @ np.clip(SEEN_BY[by] @ linear(colour), 0, 1) / WHITE
    root = np.where(ratio > 216 / 24389, np.cbrt(ratio), (24389 / 27 * ratio + 16) / 116)
    return np.array([116 * root[1] - 16, 500 * (root[0] - root[1]), 200 * (root[1] - root[2])])


def distance(one: str, other: str, by: str) -> float:
    return float(np.linalg.norm(seen(one, by) - seen(other, by)))


def contrast(one: str, other: str) -> float:
    """The ratio of their luminances, as WCAG 2 defines it."""
    low, high = sorted(float(TO_XYZ[1] @ linear(colour)) + 0.05 for colour in (one, other))
    return high / low


def surfaces(theme: Theme) -> tuple[str, str]:
    """What pictures are drawn on, read from the style sheet that the page gets."""
    rule = style_sheet().split(".dark{")[theme == "dark"]
    page, surface = (rule.split(f"--ts-{name}:")[1][:7] for name in ("page", "surface"))
    return page, surface


def test_the_measure_knows_known_colours() -> None:
    assert seen("#ffffff", "everyone") == pytest.approx([100, 0, 0], abs=0.02)
    assert seen("#ff0000", "everyone") == pytest.approx([53.24, 80.09, 67.20], abs=0.02)
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    assert contrast("#ffffff", "#767676") == pytest.approx(4.54, abs=0.01)
    # Red and green of one lightness: far apart for most, close for those without the middle cones.
    assert distance("#d04040", "#708000", "everyone") > 2 * distance("#d04040", "#708000", "deuteranopia")


@pytest.mark.parametrize("by", SEEN_BY)
@pytest.mark.parametrize("theme", ["light", "dark"])
class TestScales:
    def test_more_is_always_darker_or_always_lighter(self, theme: Theme, by: str) -> None:
        for scale in (SEQUENTIAL, TINT):
            lightness = [seen(colour, by)[0] for colour in scale[theme]]
            steps = np.array([after - before for before, after in pairwise(lightness)])
            assert (np.abs(steps) > 3).all()
            assert len(set(np.sign(steps))) == 1

    def test_less_and_more_are_told_apart_and_grow_from_the_middle(self, theme: Theme, by: str) -> None:
        for scale, apart in ((DIVERGING, ENDS_APART), (DIVERGING_TINT, ENDS_APART / 2)):
            colours = scale[theme]
            middle = len(colours) // 2
            assert distance(colours[0], colours[-1], by) > apart
            for side in (colours[middle::-1], colours[middle:]):
                grown = [distance(colours[middle], colour, by) for colour in side]
                assert grown == sorted(grown)
            for step in range(1, middle + 1):
                assert distance(colours[middle - step], colours[middle + step], by) > STEPS_APART

    def test_kinds_are_told_apart(self, theme: Theme, by: str) -> None:
        kinds = CATEGORIES[theme]
        least = min((distance(one, other, by), one, other) for one, other in combinations(kinds, 2))
        assert least[0] > KINDS_APART, least


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_marks_stand_out_from_what_they_are_drawn_on(theme: Theme) -> None:
    marks = {*CATEGORIES[theme], SEQUENTIAL[theme][-1], DIVERGING[theme][0], DIVERGING[theme][-1]}
    for surface in surfaces(theme):
        for mark in marks:
            assert contrast(mark, surface) > MARK, (mark, surface)
