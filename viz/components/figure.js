// A plotly picture in a host element: drawn from a copy, recoloured with the theme, answering clicks and hovers.
// Plotly is loaded once, from this server, when the first picture is wanted.
window.tokenscope.figure = (() => {
  let loading = null;

  function plotly() {
    loading ||= new Promise((resolve, reject) => {
      const script = document.createElement('script');
      script.src = window.tokenscopePlotly;
      // Gradio's own plotly, should it ever load, takes the global name: keep ours.
      script.onload = () => resolve(window.Plotly);
      script.onerror = () => reject(new Error(`cannot load ${script.src}`));
      document.head.append(script);
    });
    return loading;
  }

  const CONFIG = { displayModeBar: false, doubleClick: false, scrollZoom: false, responsive: false };
  const MONO = 'ui-monospace, "Cascadia Mono", "SF Mono", Menlo, "DejaVu Sans Mono", monospace';

  function themed(figure, size) {
    const { colours, theme } = window.tokenscope;
    const names = colours.variables[theme()];
    const scale = colours.sequential[theme()];
    const data = structuredClone(figure.data); // plotly decodes arrays in place; the value must stay as it came
    for (const trace of data) {
      trace.colorscale = scale.map((colour, index) => [index / (scale.length - 1), colour]);
    }
    const layout = structuredClone(figure.layout);
    const { ticks = {}, ...box } = size;
    const axis = { color: names.quiet, linecolor: names.line, ticklen: 3, tickcolor: names.line, fixedrange: true };
    return {
      data,
      layout: {
        ...layout,
        ...box,
        xaxis: { ...layout.xaxis, ...axis, ...ticks },
        yaxis: { ...layout.yaxis, ...axis, ...ticks },
        shapes: (layout.shapes || []).map((shape) => ({ ...shape, line: { ...shape.line, color: names.accent } })),
        paper_bgcolor: 'rgba(0,0,0,0)',
        plot_bgcolor: names.masked,
        font: { family: MONO, size: 11, color: names.ink },
        dragmode: false,
        hovermode: 'closest',
        autosize: false,
      },
    };
  }

  // sizeOf() returns { width, height, margin, ticks: changes to both axes }. onPick and onHover get { x, y } in cells, and the mouse event.
  return function figure(host, { sizeOf, onPick, onHover }) {
    let shown = null;
    let scheduled = false;
    let rest = 0; // when the next drawing may begin
    let bound = false;

    async function paint() {
      scheduled = false;
      if (!shown || !host.offsetParent) return; // hidden: the observer below draws when it appears
      const Plotly = await plotly();
      const { data, layout } = themed(shown, sizeOf());
      const began = performance.now();
      await Plotly.react(host, data, layout, CONFIG);
      // At most half of the time goes to pictures: while a key is held, the text must not wait for them.
      rest = 2 * performance.now() - began;
      host.dataset.drawn = String(Number(host.dataset.drawn || 0) + 1);
      if (bound) return;
      bound = true;
      host.on('plotly_click', (event) => onPick(event.points[0], event.event));
      host.on('plotly_hover', (event) => onHover(event.points[0], event.event));
      host.on('plotly_unhover', window.tokenscope.hideTip);
    }

    // After the frame in which the answer's text appears: the strip and the bars must not wait for a picture.
    function schedule() {
      if (scheduled) return;
      scheduled = true;
      requestAnimationFrame(() => setTimeout(paint, Math.max(0, rest - performance.now())));
    }

    new ResizeObserver(schedule).observe(host.parentElement);
    window.tokenscope.onTheme(schedule);
    return {
      draw(newFigure) {
        shown = newFigure;
        schedule();
      },
    };
  };
})();
