// Lines of seconds over positions, one a run: a dot for each token as measured, a line through running medians.
window.tokenscope.timeLines = (() => {
  const { tokenscope } = window;
  const { say } = tokenscope;
  const BOX = { height: 260, left: 58, right: 14, top: 12, bottom: 40 };
  const DASHES = ['', '7 3'];
  const colourOf = (run) => tokenscope.colours.variables[tokenscope.theme()][['amount', 'accent'][run]];

  function sample(run) {
    const svg = tokenscope.svg('svg', { width: 30, height: 12, 'aria-hidden': 'true', class: 'ts-line-sample' });
    tokenscope.svg('path', { d: 'M1 6H29', stroke: colourOf(run), 'stroke-width': 2.5, 'stroke-dasharray': DASHES[run] }, svg);
    return svg;
  }

  // A round step that makes at most `most` of them.
  function stepOf(span, most) {
    const power = 10 ** Math.floor(Math.log10(span / most));
    return [1, 2, 5, 10].map((factor) => factor * power).find((step) => span / step <= most);
  }

  const written = (seconds) => (seconds < 1 ? `${Number((seconds * 1000).toPrecision(3))} ms` : `${Number(seconds.toPrecision(3))} s`);

  return function timeLines(host, { names }) {
    let shown = null; // { start, total, done, seconds, lines }
    let scheduled = false;
    let width = 0;
    let top = 1;

    const of = (values, run, token) => values[run * shown.done + token];
    const x = (token) => BOX.left + ((width - BOX.left - BOX.right) * token) / Math.max(1, shown.total - 1);
    const y = (seconds) => BOX.height - BOX.bottom - (BOX.height - BOX.top - BOX.bottom) * Math.min(1, seconds / top);

    function drawAxes(svg, colours) {
      const text = { fill: colours.quiet, 'font-size': 11, class: 'ts-curve-text' };
      const up = stepOf(top, 5);
      for (let value = 0; value <= top * 1.001; value += up) {
        tokenscope.svg('path', { d: `M${BOX.left} ${y(value)}H${width - BOX.right}`, stroke: colours.line }, svg);
        tokenscope.svg('text', { ...text, x: BOX.left - 6, y: y(value) + 4, 'text-anchor': 'end' }, svg).textContent = value ? written(value) : '0';
      }
      const across = stepOf(Math.max(1, shown.total), Math.max(2, Math.floor((width - BOX.left) / 70)));
      for (let position = Math.ceil(shown.start / across) * across; position < shown.start + shown.total; position += across) {
        const place = { x: x(position - shown.start), y: BOX.height - BOX.bottom + 16, 'text-anchor': 'middle' };
        tokenscope.svg('text', { ...text, ...place }, svg).textContent = position;
      }
      const middle = { x: (BOX.left + width - BOX.right) / 2, y: BOX.height - 6, 'text-anchor': 'middle' };
      tokenscope.svg('text', { ...text, ...middle }, svg).textContent = say('position of the new token; up: wall time of each');
    }

    function drawRun(svg, run) {
      const colour = colourOf(run);
      for (let token = 0; token < shown.done; token += 1) {
        const dot = { cx: x(token).toFixed(1), cy: y(of(shown.seconds, run, token)).toFixed(1), r: 2, fill: colour, opacity: 0.5 };
        tokenscope.svg('circle', dot, svg);
      }
      const points = [];
      for (let token = 1; token < shown.done; token += 1) points.push(`${x(token).toFixed(1)} ${y(of(shown.lines, run, token)).toFixed(1)}`);
      if (!points.length) return;
      tokenscope.svg('path', { d: `M${points.join('L')}`, fill: 'none', stroke: colour, 'stroke-width': 2.5, 'stroke-dasharray': DASHES[run], class: 'ts-time-line' }, svg);
    }

    // Single tokens that something else held up must not press the lines to the floor: such dots stand at the rim.
    function scale() {
      const lines = Array.from(shown.done > 1 ? shown.lines : shown.seconds);
      top = Math.max(1e-6, Math.max(...lines)) * 1.15;
    }

    function paint() {
      scheduled = false;
      if (!shown || !host.offsetParent) return; // hidden: the observer draws when it appears
      width = host.clientWidth;
      scale();
      const svg = tokenscope.svg('svg', { width, height: BOX.height, 'aria-hidden': 'true' });
      drawAxes(svg, tokenscope.colours.variables[tokenscope.theme()]);
      names.forEach((_, run) => drawRun(svg, run));
      host.replaceChildren(svg);
      host.dataset.drawn = String(Number(host.dataset.drawn || 0) + 1);
    }

    function schedule() {
      if (scheduled) return;
      scheduled = true;
      requestAnimationFrame(paint);
    }

    host.addEventListener('mousemove', (event) => {
      if (!shown) return;
      const share = (event.clientX - host.getBoundingClientRect().left - BOX.left) / Math.max(1, width - BOX.left - BOX.right);
      const token = Math.min(shown.done - 1, Math.max(0, Math.round(share * (shown.total - 1))));
      const lines = names.map((name, run) => `${name}: ${written(of(shown.seconds, run, token))}`);
      tokenscope.showTip(event.clientX, event.clientY, [say('position {position}', { position: shown.start + token }), ...lines]);
    });
    host.addEventListener('mouseleave', tokenscope.hideTip);
    new ResizeObserver(schedule).observe(host);
    tokenscope.onTheme(schedule);
    return {
      // start: the first position; total: tokens there will be; done: those there are; seconds, lines: [run, token].
      draw(times) {
        shown = times;
        const last = names.map((name, run) => `${name}: ${written(of(times.lines, run, times.done - 1))}`);
        host.setAttribute('aria-label', say('seconds for each new token against its position; at the end {times}', { times: last.join(', ') }));
        schedule();
      },
      sample,
    };
  };
})();
