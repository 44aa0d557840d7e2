// A small heatmap on a canvas: one pixel a number, enlarged by the style sheet; it names the cell under the pointer.
window.tokenscope.cells = (() => {
  const tables = new Map();

  // A strip is drawn for every key: the table of colours is made once a scale and theme.
  function colourTable(scale) {
    const name = `${scale} ${window.tokenscope.theme()}`;
    if (!tables.has(name)) tables.set(name, window.tokenscope.colourTable(scale));
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
  }

  return function cells(canvas, { onPick, describe }) {
    let shown = null;

    function cellAt(event) {
      if (!shown) return null;
      const box = canvas.getBoundingClientRect();
      const place = (offset, size, count) => Math.min(count - 1, Math.max(0, Math.floor((offset / size) * count)));
      const row = place(event.clientY - box.top, box.height, shown.rows);
      const column = place(event.clientX - box.left, box.width, shown.columns);
      return { row, column, value: shown.values[row * shown.columns + column] };
    }

    canvas.addEventListener('mousemove', (event) => {
      const cell = cellAt(event);
      if (cell) window.tokenscope.showTip(event.clientX, event.clientY, describe(cell));
    });
    canvas.addEventListener('mouseleave', window.tokenscope.hideTip);
    if (onPick) canvas.addEventListener('click', (event) => onPick(cellAt(event)));
    return {
      draw(picture) {
        shown = picture;
        paint(canvas, picture);
      },
      repaint() {
        if (shown) paint(canvas, shown);
      },
    };
  };
})();
