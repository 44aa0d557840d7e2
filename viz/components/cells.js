// A small heatmap on a canvas: one pixel a number, enlarged by the style sheet; it names the cell under the pointer.
window.tokenscope.cells = (() => {
  const { tokenscope } = window;
  const tables = new Map();

  // A strip is drawn for every key: the table of colours is made once a scale and theme.
  function colourTable(scale) {
    const name = `${scale} ${tokenscope.theme()}`;
    if (!tables.has(name)) tables.set(name, tokenscope.colourTable(scale));
    return tables.get(name);
  }

  // picture: { values, rows, columns, low, high, scale, ease }; ease bends a share of 0 to 1 before it is coloured.
  function paint(canvas, { values, rows, columns, low, high, scale, ease = (share) => share }) {
    canvas.width = columns;
    canvas.height = rows;
    const pixels = new ImageData(columns, rows);
    const colours = colourTable(scale);
    for (let index = 0; index < rows * columns; index += 1) {
      const value = values[index];
      if (Number.isNaN(value)) continue; // transparent: the background stands for masked
      const share = Math.min(1, Math.max(0, (value - low) / (high - low)));
      const place = 3 * Math.round(255 * ease(share));
      pixels.data.set([...colours.subarray(place, place + 3), 255], 4 * index);
    }
    canvas.getContext('2d').putImageData(pixels, 0, 0);
    window.tokenscope.keepCells(canvas, pixels);
  }

  // Where the largest value is, -1 where none is known; `row` is where alone it is looked for.
  function largestOf({ values, rows, columns, row = null }) {
    const [from, to] = row === null ? [0, rows * columns] : [row * columns, (row + 1) * columns];
    let largest = -1;
    for (let index = from; index < to; index += 1) {
      if (Math.abs(values[index]) > Math.abs(values[largest] ?? 0)) largest = index;
    }
    return largest;
  }

  // describe({ row, column, value }) returns the lines of the tooltip; onPick answers a click. One that `walks` has the
  // focus, and arrow keys walk through its cells; any other says what it is and its largest cell.
  return function cells(canvas, { onPick, describe, walks = false }) {
    let shown = null;
    const cellOf = (row, column) => ({ row, column, value: shown.values[row * shown.columns + column] });
    const walk = walks && tokenscope.cellWalk(canvas, {
      size: () => shown,
      describe: (row, column) => describe(cellOf(row, column)),
      place(row, column) {
        const box = canvas.getBoundingClientRect();
        return [box.left + ((column + 0.5) * box.width) / shown.columns, box.top + ((row + 0.5) * box.height) / shown.rows];
      },
      onPick: onPick && ((row, column) => onPick(cellOf(row, column))),
    });

    function say() {
      const { about, columns } = shown;
      const largest = largestOf(shown);
      const place = [Math.max(0, Math.floor(largest / columns)), Math.max(0, largest % columns)];
      const cell = describe(cellOf(...place)).join(', ');
      const told = walks ? tokenscope.say('{picture}; arrow keys read its cells', { picture: about }) : about;
      if (walks) walk.stand(...place);
      else canvas.setAttribute('role', 'img');
      canvas.setAttribute('aria-label', largest < 0 ? told : tokenscope.say('{picture}; largest: {cell}', { picture: told, cell }));
    }

    function cellAt(event) {
      if (!shown) return null;
      const box = canvas.getBoundingClientRect();
      const place = (offset, size, count) => Math.min(count - 1, Math.max(0, Math.floor((offset / size) * count)));
      const row = place(event.clientY - box.top, box.height, shown.rows);
      const column = place(event.clientX - box.left, box.width, shown.columns);
      return cellOf(row, column);
    }

    canvas.addEventListener('mousemove', (event) => {
      const cell = cellAt(event);
      if (cell) tokenscope.showTip(event.clientX, event.clientY, describe(cell));
    });
    canvas.addEventListener('mouseleave', tokenscope.hideTip);
    if (onPick) canvas.addEventListener('click', (event) => onPick(cellAt(event)));
    return {
      // As `paint` takes it, with `about`: what the picture is; and `row`: where alone its largest cell is looked for.
      draw(picture) {
        shown = picture;
        paint(canvas, picture);
        say();
      },
      repaint() {
        if (shown) paint(canvas, shown);
      },
    };
  };
})();
