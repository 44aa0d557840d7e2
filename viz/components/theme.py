"""Gradio's own widgets in the page's look: system fonts, our colours, no shadows."""

import gradio as gr

SANS = ("ui-sans-serif", "system-ui", "-apple-system", "Segoe UI", "Noto Sans", "DejaVu Sans", "sans-serif")
MONO = ("ui-monospace", "Cascadia Mono", "SF Mono", "Menlo", "DejaVu Sans Mono", "monospace")


def theme() -> gr.themes.Base:
    """Returns the theme. Colours come from the style sheet's variables, which follow light and dark by themselves."""
    base = gr.themes.Base(
        primary_hue="neutral", neutral_hue="neutral", radius_size="sm", spacing_size="sm", font=SANS, font_mono=MONO
    )
    colours = {
        "body_background_fill": "var(--ts-page)",
        "body_text_color": "var(--ts-ink)",
        "body_text_color_subdued": "var(--ts-quiet)",
        "background_fill_primary": "var(--ts-surface)",
        "background_fill_secondary": "var(--ts-sunken)",
        "border_color_primary": "var(--ts-line)",
        "border_color_accent": "var(--ts-accent)",
        "color_accent": "var(--ts-accent)",
        "color_accent_soft": "var(--ts-accent-soft)",
        "block_background_fill": "transparent",
        "input_background_fill": "var(--ts-surface)",
        "input_border_color": "var(--ts-line)",
        "button_primary_background_fill": "var(--ts-ink)",
        "button_primary_background_fill_hover": "var(--ts-quiet)",
        "button_primary_text_color": "var(--ts-page)",
        "button_secondary_background_fill": "var(--ts-sunken)",
        "button_secondary_background_fill_hover": "var(--ts-line)",
        "button_secondary_text_color": "var(--ts-ink)",
    }
    # The accent is the one colour that gradio has no dark twin for.
    dark = {f"{name}_dark": colour for name, colour in colours.items() if name != "color_accent"}
    return base.set(
        **colours, **dark, block_border_width="0px", block_shadow="none", input_shadow="none", input_border_width="1px"
    )
