// What the grid of the logit lens draws of its columns, onto any context: the page's canvas, or a file.
(() => {
  const { tokenscope } = window;
  const FOOT = { label: 24, lead: 17 }; // pixels of the rows below the cells
  const SHADES = 64;
  const PAD = 4;

  let tables = { theme: '', shades: [] };

  // The fills of the scale, each with the ink that is read best on it.
  function shades() {
    const stops = tokenscope.colours.sequential[tokenscope.theme()];
    return Array.from({ length: SHADES + 1 }, (_, index) => {
      const fill = tokenscope.mix(stops, index / SHADES);
      return { fill, ink: tokenscope.inkOn(fill) };
    });
  }

  const cellsEnd = (tops) => tops[0].top + tops[0].height;

  // A text cut to what fits; a cell is narrow and some scripts are wide, so the width is measured.
  function fit(context, text, width) {
    if (context.measureText(text).width <= width) return text;
    const letters = [...text].slice(0, 24);
    while (letters.length > 1 && context.measureText(`${letters.join('')}…`).width > width) letters.pop();
    return `${letters.join('')}…`;
  }

  function drawCells(context, { grid, arrays, scale, wide, tops, family }, from, to) {
    if (tables.theme !== tokenscope.theme()) tables = { theme: tokenscope.theme(), shades: shades() };
    const { masked, quiet } = tokenscope.colours.variables[tokenscope.theme()];
    const { values, place } = scale;
    const fitted = new Map();
    for (const middle of [false, true]) {
      context.font = `${middle ? 10 : 11.5}px ${family}`;
      fitted.clear();
      for (let row = 0; row < grid.rows.length; row += 1) {
        if ((grid.readings[row] % 2 === 1) !== middle) continue;
        const { top, height } = tops[row];
        for (let column = from; column < to; column += 1) {
          const at = row * grid.labels.length + column;
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
  function drawLead(context, { grid, arrays, wide, tops }, from, to) {
    const { ink, surface } = tokenscope.colours.variables[tokenscope.theme()];
    const foot = (column) => {
      const { top, height } = tops[grid.readings.indexOf(arrays.settled[column])];
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
      const { top } = tops[grid.readings.indexOf(arrays.first_lead[column])];
      context.beginPath();
      context.arc(column * wide + 6, top + 6, 3, 0, 2 * Math.PI);
      context.fillStyle = ink;
      context.fill();
      context.strokeStyle = surface;
      context.lineWidth = 1;
      context.stroke();
    }
  }

  function drawFoot(context, { grid, arrays, wide, tops, family }, from, to) {
    const { accent, ink, quiet } = tokenscope.colours.variables[tokenscope.theme()];
    const end = cellsEnd(tops);
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

  function drawSelection(context, { grid, wide, tops }) {
    const column = grid.cursor - grid.start;
    const row = grid.readings.indexOf(grid.reading);
    if (column < 0 || column >= grid.labels.length) return;
    const { accent, surface } = tokenscope.colours.variables[tokenscope.theme()];
    const frame = (top, height, colour, width, inset) => {
      context.strokeStyle = colour;
      context.lineWidth = width;
      context.strokeRect(column * wide + inset - 0.5, top + inset - 0.5, wide - 2 * inset, height - 2 * inset);
    };
    frame(0, cellsEnd(tops), accent, 1, 0.5);
    if (row < 0) return;
    const { top, height } = tops[row];
    frame(top, height, surface, 1.5, 2.5);
    frame(top, height, accent, 2.5, 1);
  }

  tokenscope.lensFoot = FOOT;

  /** Draws the columns from `from` to `to` - 1 of { grid, arrays, scale, wide, tops, family } as `lensGrid` has them. */
  tokenscope.drawLens = function drawLens(context, picture, from, to) {
    context.textAlign = 'center';
    context.textBaseline = 'middle';
    drawCells(context, picture, from, to);
    drawLead(context, picture, from, to);
    drawFoot(context, picture, from, to);
    drawSelection(context, picture);
  };
})();
