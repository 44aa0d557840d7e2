// A picture of cells that the keyboard walks through: the arrow keys stand on a cell, and what hovering tells of it is
// shown beside it and said.
window.tokenscope.cellWalk = (() => {
  const { tokenscope } = window;
  const MOVES = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

  // size() returns { rows, columns }; describe(row, column) the lines of the tooltip; place(row, column) the middle of a
  // cell in the window, [x, y]; onPick(row, column), if given, answers Enter.
  return function cellWalk(host, { size, describe, place, onPick }) {
    let cell = [0, 0];
    host.tabIndex = 0;
    host.setAttribute('role', 'slider'); // one value, the cell, moved by arrow keys
    host.setAttribute('aria-valuenow', 0); // a slider has one, even while nothing is drawn
    // A press of the mouse leaves the focus where it is, so that the arrow keys still step.
    host.addEventListener('mousedown', (event) => event.preventDefault());

    function stand(row, column) {
      const { rows, columns } = size();
      const inside = (index, count) => Math.min(count - 1, Math.max(0, index));
      cell = [inside(row, rows), inside(column, columns)];
      host.setAttribute('aria-valuemin', 0);
      host.setAttribute('aria-valuemax', rows * columns - 1);
      host.setAttribute('aria-valuenow', cell[0] * columns + cell[1]);
      host.setAttribute('aria-valuetext', describe(...cell).join(', '));
    }

    host.addEventListener('keydown', (event) => {
      if (!host.hasAttribute('aria-valuemax') || event.ctrlKey || event.altKey || event.metaKey) return;
      const move = MOVES[event.key];
      if (move) {
        stand(cell[0] + move[0], cell[1] + move[1]);
        tokenscope.showTip(...place(...cell), describe(...cell));
      } else if (event.key === 'Enter' && onPick) onPick(...cell);
      else return;
      event.preventDefault();
    });
    host.addEventListener('blur', tokenscope.hideTip);
    return { stand };
  };
})();
