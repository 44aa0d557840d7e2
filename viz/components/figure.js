// A plotly picture in a host element: drawn from a copy, recoloured with the theme, answering clicks and hovers.
// Plotly is loaded from this server when the first picture is wanted: its small bundle, or the whole where that is needed.
window.tokenscope.figure = (() => {
  const loading = {};

  function plotly(bundle) {
    loading[bundle] ||= new Promise((resolve, reject) => {
      const script = document.createElement('script');
      script.src = window.tokenscopePlotly[bundle];
      // The other bundle and gradio's own plotly take the global name, too: keep this one.
      script.onload = () => resolve(window.Plotly);
      script.onerror = () => reject(new Error(`cannot load ${script.src}`));
      document.head.append(script);
    });
    return loading[bundle];
  }

  const CONFIG = { displayModeBar: false, showTips: false, doubleClick: false, scrollZoom: false, responsive: false };
  const MONO = 'ui-monospace, "Cascadia Mono", "SF Mono", Menlo, "DejaVu Sans Mono", monospace';

  // What a drag cut out, on both axes; null for all.
  function zoomed(layout, zoom, revision) {
    if (!zoom || zoom.revision !== revision) return layout;
    return { ...layout, xaxis: { ...layout.xaxis, range: zoom.x }, yaxis: { ...layout.yaxis, range: zoom.y } };
  }

  function themed(figure, size, zooms) {
    const { colours, theme } = window.tokenscope;
    const names = colours.variables[theme()];
    // Plotly decodes arrays in place and the value must stay as it came; an image's array never reaches plotly.
    const data = figure.data.map((trace) => (trace.type === 'image' ? { ...trace } : structuredClone(trace)));
    for (const trace of data) {
      const { scale = 'sequential', colour = 'linear', size: side, triangle } = trace.meta || {};
      if (trace.type === 'image') {
        trace.source = window.tokenscope.triangleImage(window.tokenscope.decode(triangle), side, scale, colour);
        delete trace.meta;
      } else trace.colorscale = window.tokenscope.colorscale(scale, colour);
    }
    const layout = structuredClone(figure.layout);
    const { ticks = {}, ...box } = size;
    const axis = { color: names.quiet, linecolor: names.line, ticklen: 3, tickcolor: names.line, fixedrange: !zooms };
    return {
      data,
      layout: {
        ...layout,
        ...box,
        xaxis: { ...layout.xaxis, ...axis, ...ticks, ...size.xaxis },
        yaxis: { ...layout.yaxis, ...axis, ...ticks, ...size.yaxis },
        shapes: (layout.shapes || []).map((shape) => ({ ...shape, line: { ...shape.line, color: names.accent } })),
        paper_bgcolor: 'rgba(0,0,0,0)',
        plot_bgcolor: names.masked,
        font: { family: MONO, size: 11, color: names.ink },
        dragmode: zooms ? 'zoom' : false,
        hovermode: 'closest',
        autosize: false,
      },
    };
  }

  // sizeOf(zoom) returns { width, height, margin, ticks: changes to both axes, xaxis, yaxis: to one }; zoom is { x, y }, the ranges that a drag
  // cut out, or null. onPick and onHover get { x, y } in cells, and the mouse event. With onZoom a drag zooms, a double
  // click shows all again, and a zoom is kept while figures of the same revision are drawn.
  // The bundle is "cartesian", for what has two axes, or "whole".
  return function figure(host, { sizeOf, onPick, onHover, onZoom, bundle = 'cartesian' }) {
    // A finger that drags scrolls the page.
    const zooms = Boolean(onZoom) && window.matchMedia('(pointer: fine)').matches;
    let zoom = null;
    let revision = '';
    let shown = null;
    let scheduled = false;
    let rest = 0; // when the next drawing may begin
    let bound = false;

    async function paint() {
      scheduled = false;
      if (!shown || !host.offsetParent) return; // hidden: the observer below draws when it appears
      host.plotly = await plotly(bundle);
      const { data, layout } = themed({ ...shown, layout: zoomed(shown.layout, zoom, revision) }, sizeOf(zoom), zooms);
      const began = performance.now();
      await host.plotly.react(host, data, layout, CONFIG);
      // At most half of the time goes to pictures: while a key is held, the text must not wait for them.
      rest = 2 * performance.now() - began;
      host.dataset.drawn = String(Number(host.dataset.drawn || 0) + 1);
      if (bound) return;
      bound = true;
      host.on('plotly_click', (event) => onPick(event.points[0], event.event));
      host.on('plotly_hover', (event) => onHover(event.points[0], event.event));
      host.on('plotly_unhover', window.tokenscope.hideTip);
      host.on('plotly_relayout', cutOut);
      host.on('plotly_doubleclick', showAll);
    }

    function cutOut(change) {
      if (!zooms || !('xaxis.range[0]' in change || 'yaxis.range[0]' in change)) return;
      const { xaxis, yaxis } = host.layout;
      zoom = { revision, x: [...xaxis.range], y: [...yaxis.range] };
      onZoom(zoom);
      schedule(); // the names of the cells that are left get more room
    }

    function showAll() {
      if (!zoom) return;
      zoom = null;
      onZoom(null);
      schedule();
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
      draw(newFigure, newRevision = '') {
        if (zoom && zoom.revision !== newRevision) showAll();
        revision = newRevision;
        shown = newFigure;
        schedule();
      },
      showAll,
    };
  };
})();
