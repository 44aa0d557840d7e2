// A heat grid: rows (streams, blocks, tokens) with their names beside them, columns (mostly tokens) with theirs below.
// Hovering names a cell, a click or the arrow keys pick one. Wide grids scroll sideways; the names of the rows stay.
window.tokenscope.tokenGrid = (() => {
  const { tokenscope } = window;
  const FONT = '11px ui-monospace, "Cascadia Mono", "SF Mono", Menlo, "DejaVu Sans Mono", monospace';
  const MOST_CHARACTERS = 12;
  const LINE = 13; // pixels that a name needs

  const shorten = (text, most = MOST_CHARACTERS) => (text.length <= most ? text : `${text.slice(0, most - 1)}…`);

  function make(host) {
    const [names, scroll, canvas] = ['div', 'div', 'canvas'].map((name) => document.createElement(name));
    names.className = 'ts-grid-names';
    names.setAttribute('aria-hidden', 'true'); // the slider says where it stands
    scroll.className = 'ts-grid-scroll';
    scroll.append(canvas);
    host.classList.add('ts-token-grid');
    host.append(names, scroll);
    host.tabIndex = 0;
    host.setAttribute('role', 'slider'); // one value, the picked cell, moved by arrow keys
    host.setAttribute('aria-valuenow', 0); // a slider has one, even while nothing is drawn
    return { names, scroll, canvas };
  }

  // describe(row, column) returns the lines that name a cell. onPick(row, column) answers a click. limits: the widest and
  // the narrowest column, the highest row, and the most height for all rows, in pixels; also the most characters of a
  // column's name, where it is not 12.
  return function tokenGrid(host, { describe, onPick, limits }) {
    const { names, scroll, canvas } = make(host);
    let grid = null;
    const cell = { width: 0, height: 0, foot: 0 };
    let scheduled = false;
    let sight = ''; // the selected column that was last scrolled to

    // Streams grow upwards, as in the lens; tokens go down.
    const line = (row) => (grid.upwards ? grid.rows - 1 - row : row);

    function measure(context) {
      context.font = FONT;
      const widest = Math.max(...grid.columnNames.map((name) => context.measureText(shorten(name, limits.characters)).width));
      cell.height = Math.max(4, Math.min(limits.highest, Math.floor(limits.height / grid.rows)));
      cell.foot = Math.ceil(widest) + 8;
      drawNames(); // what they leave is for the cells
      const room = host.clientWidth - names.offsetWidth - 2;
      cell.width = Math.floor(Math.max(limits.narrowest, Math.min(limits.widest, room / grid.columns)));
      return { width: cell.width * grid.columns + 2, height: cell.height * grid.rows + cell.foot };
    }

    // Where names have no room, every third or so is written, and the selected one in place of its neighbours.
    const isNamed = (index, every, chosen) =>
      index === chosen || (index % every === 0 && (chosen < 0 || Math.abs(index - chosen) >= every));

    function drawNames() {
      const every = Math.ceil(LINE / cell.height);
      names.replaceChildren(...Array.from({ length: grid.rows }, (_, index) => {
        const row = line(index);
        const name = document.createElement('div');
        name.style.height = name.style.lineHeight = `${cell.height}px`;
        name.classList.toggle('ts-here', row === grid.selected.row);
        if (isNamed(row, every, grid.selected.row)) name.textContent = grid.rowNames[row];
        return name;
      }));
    }

    function drawCells(context) {
      const stops = tokenscope.colours[grid.scale][tokenscope.theme()];
      // A large model has a hundred thousand cells: their colours are mixed once.
      const colours = Array.from({ length: 256 }, (_, index) => tokenscope.mix(stops, index / 255));
      const colourOf = (share) => colours[Math.round(255 * Math.min(1, Math.max(0, share)))];
      const { masked } = tokenscope.colours.variables[tokenscope.theme()];
      const gap = cell.width > 8 && cell.height > 8 ? 1 : 0;
      for (let row = 0; row < grid.rows; row += 1) {
        for (let column = 0; column < grid.columns; column += 1) {
          const value = grid.values[row * grid.columns + column];
          context.fillStyle = Number.isNaN(value) ? masked : colourOf(grid.place(value));
          context.fillRect(column * cell.width, line(row) * cell.height, cell.width - gap, cell.height - gap);
        }
      }
    }

    // The numbers themselves, where the cells have room; ink or paper, whichever stands out.
    function drawNumbers(context) {
      if (!grid.write || cell.width < 40 || cell.height < 16) return;
      const { ink, surface } = tokenscope.colours.variables[tokenscope.theme()];
      context.font = FONT;
      context.textAlign = 'center';
      context.textBaseline = 'middle';
      for (let index = 0; index < grid.rows * grid.columns; index += 1) {
        const value = grid.values[index];
        if (Number.isNaN(value)) continue;
        context.fillStyle = Math.abs(grid.place(value) - 0.5) > 0.3 ? surface : ink;
        const row = line(Math.floor(index / grid.columns));
        context.fillText(grid.write(value), ((index % grid.columns) + 0.5) * cell.width - 0.5, (row + 0.5) * cell.height);
      }
    }

    function drawColumns(context) {
      const colours = tokenscope.colours.variables[tokenscope.theme()];
      const every = Math.ceil(LINE / cell.width);
      context.font = FONT;
      context.textAlign = 'right';
      context.textBaseline = 'middle';
      for (let column = 0; column < grid.columns; column += 1) {
        const here = column === grid.selected.column;
        if (!isNamed(column, every, grid.selected.column)) continue;
        context.save();
        context.fillStyle = here ? colours.accent : colours.quiet;
        context.translate((column + 0.5) * cell.width, grid.rows * cell.height + 5);
        context.rotate(-Math.PI / 2);
        context.fillText(shorten(grid.columnNames[column], limits.characters), 0, 0);
        context.restore();
      }
    }

    function drawSelection(context) {
      const { row, column } = grid.selected;
      context.strokeStyle = tokenscope.colours.variables[tokenscope.theme()].accent;
      const [x, y] = [column * cell.width, line(row) * cell.height];
      const frame = (left, top, width, height, thick) => {
        context.lineWidth = thick;
        context.strokeRect(left + 0.5, top + 0.5, width - 1.5, height - 1.5);
      };
      const [rowThere, columnThere] = [row >= 0 && row < grid.rows, column >= 0 && column < grid.columns];
      if (columnThere) frame(x, 0, cell.width, grid.rows * cell.height, 1);
      if (rowThere) frame(0, y, grid.columns * cell.width, cell.height, 1);
      if (rowThere && columnThere) frame(x, y, cell.width, cell.height, 2.5);
    }

    function keepInSight() {
      const now = `${grid.selected.column} ${grid.columns}`;
      if (now === sight) return;
      sight = now;
      const left = grid.selected.column * cell.width;
      if (left >= scroll.scrollLeft && left + cell.width <= scroll.scrollLeft + scroll.clientWidth) return;
      scroll.scrollLeft = left + 2 * cell.width - scroll.clientWidth;
    }

    function paint() {
      scheduled = false;
      if (!grid || !host.offsetParent) return; // hidden: the observer draws when it appears
      const draw = (context, ratio) => {
        context.scale(ratio, ratio);
        drawCells(context);
        drawNumbers(context);
        drawColumns(context);
        drawSelection(context);
      };
      tokenscope.paintCanvas(canvas, { ...measure(canvas.getContext('2d')), paint: draw });
      keepInSight();
      host.dataset.drawn = String(Number(host.dataset.drawn || 0) + 1);
    }

    function schedule() {
      if (scheduled) return;
      scheduled = true;
      requestAnimationFrame(paint);
    }

    function tell() {
      const { row, column } = grid.selected;
      host.setAttribute('aria-valuemin', 0);
      host.setAttribute('aria-valuemax', grid.rows * grid.columns - 1);
      host.setAttribute('aria-valuenow', Math.max(0, row * grid.columns + column));
      const there = row >= 0 && row < grid.rows && column >= 0 && column < grid.columns;
      host.setAttribute('aria-valuetext', there ? describe(row, column).join(', ') : tokenscope.say('none'));
      Object.assign(host.dataset, { row, column });
    }

    function cellAt(event) {
      if (!grid) return null;
      const box = canvas.getBoundingClientRect();
      const column = Math.floor((event.clientX - box.left) / cell.width);
      const row = line(Math.floor((event.clientY - box.top) / cell.height));
      return row >= 0 && row < grid.rows && column >= 0 && column < grid.columns ? { row, column } : null;
    }

    function pick(row, column) {
      grid.selected = { row, column }; // shown at once; the answer confirms it
      tell();
      schedule();
      onPick(row, column);
    }

    canvas.addEventListener('click', (event) => {
      const found = cellAt(event);
      if (found) pick(found.row, found.column);
    });
    canvas.addEventListener('mousemove', (event) => {
      const found = cellAt(event);
      canvas.style.cursor = found ? 'pointer' : 'default';
      if (found) tokenscope.showTip(event.clientX, event.clientY, describe(found.row, found.column));
      else tokenscope.hideTip();
    });
    canvas.addEventListener('mouseleave', tokenscope.hideTip);
    host.addEventListener('keydown', (event) => {
      if (!grid || event.ctrlKey || event.altKey || event.metaKey) return;
      const up = grid.upwards ? 1 : -1;
      const moves = { ArrowUp: [up, 0], ArrowDown: [-up, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
      if (!(event.key in moves)) return;
      event.preventDefault();
      const [down, right] = moves[event.key];
      const inside = (index, count) => Math.min(count - 1, Math.max(0, index));
      const { row, column } = grid.selected;
      pick(inside(row + down, grid.rows), inside(column + right, grid.columns));
    });
    new ResizeObserver(schedule).observe(host);
    tokenscope.onTheme(schedule);
    return {
      // { values, rows, columns, scale, place: value to a share of the scale, rowNames, columnNames, upwards,
      //   selected: { row, column }, either -1 for none, write: value to the number in its cell, on a diverging scale }
      draw(newGrid) {
        grid = { ...newGrid, selected: { ...newGrid.selected } };
        tell();
        schedule();
      },
    };
  };
})();
