"""Gradio components of our own: subclasses of `gr.HTML` whose JavaScript and CSS lie in files beside them."""
