"""Draws what the runtime answers: records in, payloads and plotly figures out, and the page that shows them."""
