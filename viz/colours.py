"""The colours of the page and of its pictures, for light and for dark.

Blue is for amounts (probability, attention), orange for what is selected; the pair is told apart with every common
colour blindness. What is masked or cut is grey and never the zero of a scale.
"""

import json
from typing import Final, Literal, get_args

Theme = Literal["light", "dark"]

# How a weight from 0 to 1 finds its place on the sequential scale; `scales.js` computes it.
Transfer = Literal["linear", "sqrt", "log"]
TRANSFERS: Final[tuple[Transfer, ...]] = get_args(Transfer)

# Amounts from 0 to 1, evenly spaced. Zero is close to the page, so that what matters stands out, but it is not the grey
# of masked cells.
SEQUENTIAL: Final[dict[Theme, tuple[str, ...]]] = {
    "light": ("#f7f9fd", "#cfdcf3", "#93b1e4", "#4f7dcc", "#1f4f9f", "#0b2a5e"),
    "dark": ("#0f141c", "#1c3050", "#2c548c", "#4a83cc", "#8ab8f2", "#e3efff"),
}

# Differences from -1 to 1 around a real zero: orange for less, blue for more.
DIVERGING: Final[dict[Theme, tuple[str, ...]]] = {
    "light": ("#8a3a00", "#d9823b", "#f6d9bd", "#f7f7f9", "#c3d6f2", "#4f7dcc", "#0b2a5e"),
    "dark": ("#ffc48f", "#d07a33", "#5c3618", "#14171d", "#20406f", "#4a83cc", "#d3e5ff"),
}

# Kinds, such as the labels of heads, in no order; the last is for none of them. Any two stay apart with every common
# colour blindness, each stands out from the surface, and where there is room each has a shape of its own besides.
CATEGORIES: Final[dict[Theme, tuple[str, ...]]] = {
    "light": ("#2270cc", "#a86faa", "#5c5c66", "#e1680d", "#0e8b63", "#735e00", "#1997dd", "#7d4d9e", "#8e8e99"),
    "dark": ("#4fa3e0", "#e59bc4", "#fcfcf0", "#ff8b3d", "#2fc79b", "#f0c93a", "#9bd4f5", "#6c60d8", "#7b7d88"),
}

PARTS: Final = 7  # of a prompt, which the style sheet colours by the first kinds

# Amounts again, for the background of text: it ends early, so that the ink stays readable on every shade.
TINT: Final[dict[Theme, tuple[str, ...]]] = {
    "light": ("#ffffff", "#dbe6f8", "#aac4ee"),
    "dark": ("#16181d", "#1d3354", "#2b5694"),
}

# Differences again, for the background of text.
DIVERGING_TINT: Final[dict[Theme, tuple[str, ...]]] = {
    "light": ("#f2b98a", "#fbe6d3", "#ffffff", "#dbe6f8", "#aac4ee"),
    "dark": ("#7d4a20", "#3f2817", "#16181d", "#1d3354", "#2b5694"),
}

_VARIABLES: Final[dict[Theme, dict[str, str]]] = {
    "light": {
        "page": "#fafafa",
        "surface": "#ffffff",
        "sunken": "#f1f1f3",
        "line": "#e2e2e6",
        "edge": "#8e8e99",
        "ink": "#1b1b1f",
        "quiet": "#5c5c66",
        "amount": "#3567bd",
        "amount-soft": "#c9d8f2",
        "accent": "#b3480a",
        "accent-soft": "#fdeee2",
        "masked": "#e6e6ea",
        "cut": "#74747e",
        "error": "#b3261e",
        "error-soft": "#fcebea",
    },
    "dark": {
        "page": "#111216",
        "surface": "#16181d",
        "sunken": "#1f2127",
        "line": "#2e3038",
        "edge": "#7b7d88",
        "ink": "#ececf0",
        "quiet": "#a5a7b2",
        "amount": "#6ea2ee",
        "amount-soft": "#2a3f63",
        "accent": "#ffa45c",
        "accent-soft": "#3b2716",
        "masked": "#2a2b31",
        "cut": "#93959f",
        "error": "#ff8a80",
        "error-soft": "#3c1b1b",
    },
}


def style_sheet() -> str:
    """Returns the CSS that names every colour as `--ts-NAME`, and prompt parts as `--ts-part-INDEX`, in both themes."""
    light, dark = _variables("light"), _variables("dark")
    return f":root{{color-scheme:light;{light}}}.dark{{color-scheme:dark;{dark}}}"


def _variables(theme: Theme) -> str:
    parts = {f"part-{index}": value for index, value in enumerate(CATEGORIES[theme][:PARTS])}
    return "".join(f"--ts-{name}:{value};" for name, value in {**_VARIABLES[theme], **parts}.items())


def script() -> str:
    """Returns the JavaScript that gives the page's own drawings the same scales as the style sheet."""
    scales: dict[str, object] = {
        "sequential": SEQUENTIAL,
        "diverging": DIVERGING,
        "categories": CATEGORIES,
        "tint": TINT,
        "diverging_tint": DIVERGING_TINT,
    }
    scales |= {"variables": _VARIABLES}
    return f"window.tokenscopeColours = {json.dumps(scales)};"
