// The grid of the logit lens on a canvas as wide as its window: only the columns in sight are drawn, so that a text of a
// thousand tokens costs no more than a short one. A click or the arrow keys select a cell; the page's cursor goes along.
window.tokenscope.lensGrid = (() => {
  const { tokenscope } = window;
  const { say } = tokenscope;
  const WIDTHS = { narrow: 68, wide: 84, from: 600 }; // of a column, by the room there is
  const FOOT = tokenscope.lensFoot;

  function make(host) {
    const [names, scroll, room, canvas] = ['div', 'div', 'div', 'canvas'].map((name) => document.createElement(name));
    names.className = 'ts-lens-names';
    names.setAttribute('aria-hidden', 'true'); // the slider says where it stands
    scroll.className = 'ts-lens-scroll';
    room.append(canvas);
    scroll.append(room);
    host.append(names, scroll);
    host.tabIndex = 0;
    host.setAttribute('role', 'slider'); // one value, the selected cell, moved by arrow keys
    host.setAttribute('aria-valuenow', 0); // a slider has one, even while nothing is drawn
    return { names, scroll, room, canvas };
  }

  // onPick(reading, position) answers a choice.
  return function lensGrid(host, { onPick }) {
    const { names, scroll, room, canvas } = make(host);
    let grid = null;
    let arrays = null;
    let scale = null; // { values, place: a value's place on the scale, 0 to 1 }
    let wide = WIDTHS.narrow; // pixels of a column
    let tops = []; // of each row, in pixels from the top, and the end of the last
    let scheduled = false;
    let sight = '';

    const columns = () => grid.labels.length;
    const rowOf = (reading) => grid.readings.indexOf(reading);
    const isMiddle = (row) => grid.readings[row] % 2 === 1;
    const heightOf = (row) => tops[row].height;

    function measure() {
      wide = host.clientWidth < WIDTHS.from ? WIDTHS.narrow : WIDTHS.wide;
      const many = grid.rows.length > 34;
      const [stream, middle] = many ? [22, 17] : [29, 21];
      let top = 0;
      tops = [];
      for (let row = grid.rows.length - 1; row >= 0; row -= 1) {
        const height = isMiddle(row) ? middle : stream;
        tops[row] = { top, height };
        top += height;
      }
      const height = top + FOOT.label + 2 * FOOT.lead;
      room.style.width = `${columns() * wide}px`; // room for the picture before it is drawn: the scroll position holds
      room.style.height = `${height}px`;
      return height;
    }

    function drawNames() {
      const line = (text, height, className) => {
        const node = document.createElement('div');
        node.style.height = `${height}px`;
        node.className = className;
        node.textContent = text;
        return node;
      };
      const rows = grid.rows.map((name, row) => line(
        name, heightOf(row), `${isMiddle(row) ? 'ts-between' : ''} ${grid.readings[row] === grid.reading ? 'ts-here' : ''}`,
      ));
      names.replaceChildren(
        ...rows.reverse(),
        line(say('after'), FOOT.label, ''),
        line(say('first leads in'), FOOT.lead, 'ts-between'),
        line(say('stays first from'), FOOT.lead, 'ts-between'),
      );
    }

    function paint() {
      scheduled = false;
      if (!grid || !host.offsetParent) return; // hidden: the observer draws when it appears
      const height = measure();
      const width = Math.min(scroll.clientWidth, columns() * wide);
      const left = Math.min(scroll.scrollLeft, Math.max(0, columns() * wide - width));
      const from = Math.floor(left / wide);
      const to = Math.min(columns(), Math.ceil((left + width) / wide));
      const drawn = { grid, arrays, scale, wide, tops, family: getComputedStyle(canvas).fontFamily };
      const painter = (begin, first, end) => (context, ratio) => {
        context.scale(ratio, ratio);
        context.translate(-begin, 0);
        tokenscope.drawLens(context, drawn, first, end);
      };
      const picture = { width, height, paint: painter(left, from, to) };
      // A file shows all columns, unless there are too many for one.
      const fits = 2 * columns() * (grid.rows.length + 3) <= tokenscope.mostShapes;
      tokenscope.paintCanvas(canvas, picture, fits ? { width: columns() * wide, height, paint: painter(0, 0, columns()) } : picture);
      host.dataset.drawn = String(Number(host.dataset.drawn || 0) + 1);
    }

    function schedule() {
      if (scheduled) return;
      scheduled = true;
      requestAnimationFrame(paint);
    }

    // Scrolls only where the cursor went out of sight: a scroll by hand stays while another row is read.
    function keepInSight() {
      const now = `${grid.cursor} ${grid.start} ${columns()}`;
      if (now === sight) return;
      sight = now;
      const left = (grid.cursor - grid.start) * wide;
      if (left >= scroll.scrollLeft && left + wide <= scroll.scrollLeft + scroll.clientWidth) return;
      scroll.scrollLeft = left + 2 * wide - scroll.clientWidth;
    }

    function lines(row, column) {
      const at = row * columns() + column;
      const final = grid.words[arrays.target_ids[column]];
      return [
        say('{row}, after “{token}” ({position})', { row: grid.rows[row], token: grid.labels[column], position: grid.start + column }),
        say('predicts “{token}” with {share}', { token: grid.words[arrays.ids[at]], share: tokenscope.percent(arrays.probability[at]) }),
        say('final choice “{token}”: rank {rank}, {share}', {
          token: final, rank: tokenscope.whole(arrays.target_rank[at] + 1), share: tokenscope.percent(arrays.target_probability[at]),
        }),
        say('entropy {entropy} nats, divergence from the output {divergence} nats', {
          entropy: arrays.entropy[at].toFixed(2), divergence: arrays.divergence[at].toFixed(2),
        }),
      ];
    }

    function tell() {
      const [row, column] = [rowOf(grid.reading), grid.cursor - grid.start];
      host.setAttribute('aria-valuemin', 0);
      host.setAttribute('aria-valuemax', grid.rows.length * grid.total - 1);
      host.setAttribute('aria-valuenow', row * grid.total + grid.cursor);
      if (column >= 0 && column < columns()) host.setAttribute('aria-valuetext', lines(row, column).join(', '));
      Object.assign(host.dataset, { reading: grid.reading, position: grid.cursor });
    }

    function cellAt(event) {
      if (!grid) return null;
      const box = canvas.getBoundingClientRect();
      const column = Math.floor((event.clientX - box.left + scroll.scrollLeft) / wide);
      const y = event.clientY - box.top;
      const row = tops.findIndex(({ top, height }) => y >= top && y < top + height);
      if (column < 0 || column >= columns()) return null;
      return row < 0 ? null : { row, column };
    }

    function select(reading, position) {
      grid = { ...grid, reading, cursor: position }; // shown at once; the answer confirms it
      drawNames();
      tell();
      schedule();
      onPick(reading, position);
    }

    canvas.addEventListener('click', (event) => {
      const found = cellAt(event);
      if (found) select(grid.readings[found.row], grid.start + found.column);
    });
    canvas.addEventListener('mousemove', (event) => {
      const found = cellAt(event);
      canvas.style.cursor = found ? 'pointer' : 'default';
      if (found) tokenscope.showTip(event.clientX, event.clientY, lines(found.row, found.column));
      else tokenscope.hideTip();
    });
    canvas.addEventListener('mouseleave', tokenscope.hideTip);
    host.addEventListener('keydown', (event) => {
      const moves = { ArrowUp: [1, 0], ArrowDown: [-1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
      if (!grid || !(event.key in moves) || event.ctrlKey || event.altKey || event.metaKey) return;
      event.preventDefault();
      const inside = (index, count) => Math.min(count - 1, Math.max(0, index));
      const [up, right] = moves[event.key];
      const row = inside(rowOf(grid.reading) + up, grid.rows.length);
      select(grid.readings[row], inside(grid.cursor + right, grid.total));
    });
    scroll.addEventListener('scroll', schedule, { passive: true });
    new ResizeObserver(schedule).observe(scroll);
    tokenscope.onTheme(schedule);
    return {
      // What `viz.lens_grid.lens_payload` returns with the selected reading, its arrays, and how cells are coloured.
      draw(payload, decoded, newScale) {
        grid = payload;
        arrays = decoded;
        scale = newScale;
        measure();
        drawNames();
        tell();
        keepInSight();
        schedule();
      },
    };
  };
})();
