// The grid of the logit lens on a canvas as wide as its window: only the columns in sight are drawn, so that a text of a
// thousand tokens costs no more than a short one. A click or the arrow keys select a cell; the page's cursor goes along.
window.tokenscope.lensGrid = (() => {
  const { tokenscope } = window;
  const WIDTHS = { narrow: 68, wide: 84, from: 600 }; // of a column, by the room there is
  const FOOT = { label: 24, lead: 17 };
  const SHADES = 64;
  const PAD = 4;

  // The fills of the scale, each with the ink that is read best on it.
  function shades() {
    const stops = tokenscope.colours.sequential[tokenscope.theme()];
    const light = (channel) => (channel <= 10 ? channel / 3294 : ((channel / 255 + 0.055) / 1.055) ** 2.4);
    return Array.from({ length: SHADES + 1 }, (_, index) => {
      const fill = tokenscope.mix(stops, index / SHADES);
      const [red, green, blue] = fill.match(/\d+/g).map(Number).map(light);
      return { fill, ink: 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.18 ? '#16181d' : '#ffffff' };
    });
  }

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
    let tables = { theme: '', shades: [] };

    const columns = () => grid.labels.length;
    const rowOf = (reading) => grid.readings.indexOf(reading);
    const isMiddle = (row) => grid.readings[row] % 2 === 1;
    const heightOf = (row) => tops[row].height;
    const cellsEnd = () => tops[0].top + heightOf(0);

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
        line('after', FOOT.label, ''),
        line('first leads in', FOOT.lead, 'ts-between'),
        line('stays first from', FOOT.lead, 'ts-between'),
      );
    }

    // A text cut to what fits; a cell is narrow and some scripts are wide, so the width is measured.
    function fit(context, text, width) {
      if (context.measureText(text).width <= width) return text;
      const letters = [...text].slice(0, 24);
      while (letters.length > 1 && context.measureText(`${letters.join('')}…`).width > width) letters.pop();
      return `${letters.join('')}…`;
    }

    function drawCells(context, from, to, family) {
      const { masked, quiet } = tokenscope.colours.variables[tokenscope.theme()];
      const { values, place } = scale;
      const fitted = new Map();
      for (const middle of [false, true]) {
        context.font = `${middle ? 10 : 11.5}px ${family}`;
        fitted.clear();
        for (let row = 0; row < grid.rows.length; row += 1) {
          if (isMiddle(row) !== middle) continue;
          const { top, height } = tops[row];
          for (let column = from; column < to; column += 1) {
            const at = row * columns() + column;
            const share = place(values[at]);
            const shade = tables.shades[Math.round(SHADES * Math.min(1, Math.max(0, share)))];
            const inset = middle ? 5 : 0;
            context.fillStyle = shade ? shade.fill : masked;
            context.fillRect(column * wide + inset, top, wide - 1 - 2 * inset, height - 1);
            const id = arrays.ids[at];
            if (!fitted.has(id)) fitted.set(id, fit(context, grid.words[id], wide - 2 * (PAD + inset)));
            context.fillStyle = shade ? shade.ink : quiet;
            context.fillText(fitted.get(id), (column + 0.5) * wide, top + height / 2);
          }
        }
      }
    }

    // A dot where the final choice leads first, and a staircase from which on, upwards, it always does.
    function drawLead(context, from, to) {
      const { ink, surface } = tokenscope.colours.variables[tokenscope.theme()];
      const foot = (column) => {
        const { top, height } = tops[rowOf(arrays.settled[column])];
        return top + height - 0.5;
      };
      context.beginPath();
      for (let column = from; column < to; column += 1) {
        const y = foot(column);
        if (column === from) context.moveTo(column * wide, y);
        else context.lineTo(column * wide - 0.5, y);
        context.lineTo((column + 1) * wide - 0.5, y);
      }
      // The line stands out from any cell by its edge.
      for (const [colour, thick] of [[surface, 4], [ink, 2]]) {
        context.strokeStyle = colour;
        context.lineWidth = thick;
        context.stroke();
      }
      for (let column = from; column < to; column += 1) {
        const { top } = tops[rowOf(arrays.first_lead[column])];
        context.beginPath();
        context.arc(column * wide + 6, top + 6, 3, 0, 2 * Math.PI);
        context.fillStyle = ink;
        context.fill();
        context.strokeStyle = surface;
        context.lineWidth = 1;
        context.stroke();
      }
    }

    function drawFoot(context, from, to, family) {
      const { accent, ink, quiet } = tokenscope.colours.variables[tokenscope.theme()];
      const end = cellsEnd();
      for (let column = from; column < to; column += 1) {
        const x = (column + 0.5) * wide;
        context.fillStyle = grid.start + column === grid.cursor ? accent : ink;
        context.font = `11.5px ${family}`;
        context.fillText(fit(context, grid.labels[column], wide - PAD), x, end + FOOT.label / 2);
        context.font = `11px ${family}`;
        context.fillStyle = quiet;
        context.fillText(arrays.first_lead[column] / 2, x, end + FOOT.label + FOOT.lead / 2);
        context.fillText(arrays.settled[column] / 2, x, end + FOOT.label + 1.5 * FOOT.lead);
      }
    }

    function drawSelection(context) {
      const column = grid.cursor - grid.start;
      const row = rowOf(grid.reading);
      if (column < 0 || column >= columns()) return;
      const { accent, surface } = tokenscope.colours.variables[tokenscope.theme()];
      const frame = (top, height, colour, width, inset) => {
        context.strokeStyle = colour;
        context.lineWidth = width;
        context.strokeRect(column * wide + inset - 0.5, top + inset - 0.5, wide - 2 * inset, height - 2 * inset);
      };
      frame(0, cellsEnd(), accent, 1, 0.5);
      if (row < 0) return;
      const { top, height } = tops[row];
      frame(top, height, surface, 1.5, 2.5);
      frame(top, height, accent, 2.5, 1);
    }

    function paint() {
      scheduled = false;
      if (!grid || !host.offsetParent) return; // hidden: the observer draws when it appears
      if (tables.theme !== tokenscope.theme()) tables = { theme: tokenscope.theme(), shades: shades() };
      const ratio = window.devicePixelRatio || 1;
      const height = measure();
      const width = Math.min(scroll.clientWidth, columns() * wide);
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
      canvas.style.width = `${width}px`;
      canvas.style.height = `${height}px`;
      const family = getComputedStyle(canvas).fontFamily;
      const context = canvas.getContext('2d');
      const left = Math.min(scroll.scrollLeft, Math.max(0, columns() * wide - width));
      const from = Math.floor(left / wide);
      const to = Math.min(columns(), Math.ceil((left + width) / wide));
      context.scale(ratio, ratio);
      context.translate(-left, 0);
      context.textAlign = 'center';
      context.textBaseline = 'middle';
      drawCells(context, from, to, family);
      drawLead(context, from, to);
      drawFoot(context, from, to, family);
      drawSelection(context);
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
        `${grid.rows[row]}, after “${grid.labels[column]}” (${grid.start + column})`,
        `predicts “${grid.words[arrays.ids[at]]}” with ${tokenscope.percent(arrays.probability[at])}`,
        `final choice “${final}”: rank ${tokenscope.whole(arrays.target_rank[at] + 1)}, ${tokenscope.percent(arrays.target_probability[at])}`,
        `entropy ${arrays.entropy[at].toFixed(2)} nats, divergence from the output ${arrays.divergence[at].toFixed(2)} nats`,
      ];
    }

    function say() {
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
      say();
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
        say();
        keepInSight();
        schedule();
      },
    };
  };
})();
