// A grid of all heads, layers down and heads across: the mosaic, the ranking and the scan are drawn in it. Hovering
// names a head, a click opens it, the arrow keys move the page's selection, X switches a head off or on.
window.tokenscope.headGrid = (() => {
  const { tokenscope } = window;
  const { say } = tokenscope;
  const GUTTER = { left: 30, top: 18 };
  const GAP = 4; // between groups of heads that share keys and values
  const MOVES = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

  const headName = (layer, head) => `L${layer} H${head}`;

  // paint(context, layer, head, x, y, size) fills one tile, in device pixels. describe(layer, head) returns the lines of
  // the tooltip after the head's name. limits: the largest and smallest tile, and the most height, in pixels.
  return function headGrid(host, { paint, describe, limits }) {
    const canvas = document.createElement('canvas');
    host.append(canvas);
    host.tabIndex = 0;
    host.setAttribute('role', 'slider'); // one value, the selected head, moved by arrow keys
    host.setAttribute('aria-valuenow', 0); // a slider has one, even while nothing is drawn
    let grid = null; // { layers, heads, groups, shared, ablated, unknown: whether it is not known who shares }
    let selected = { layer: 0, head: 0 };
    let tile = 0;
    let scheduled = false;

    const groupOf = (layer, head) => grid.groups[layer * grid.heads + head];
    const exists = (layer, head) => groupOf(layer, head) >= 0;
    const isOff = (layer, head) => grid.ablated.some(([one, other]) => one === layer && other === head);

    // How far right a head stands: groups stand apart where heads share keys and values.
    function left(head) {
      let gaps = 0;
      for (let index = 1; grid.shared && index <= head; index += 1) {
        if (groupOf(grid.model, index) !== groupOf(grid.model, index - 1)) gaps += 1;
      }
      return GUTTER.left + head * tile + gaps * GAP;
    }

    function measure() {
      const { largest, smallest, height } = limits;
      const gaps = grid.shared ? GAP * (new Set(grid.groups).size - 1) : 0;
      const wide = (host.parentElement.clientWidth - GUTTER.left - gaps) / grid.heads;
      tile = Math.floor(Math.max(smallest, Math.min(largest, wide, (height - GUTTER.top) / grid.layers)));
      return { width: left(grid.heads - 1) + tile + 2, height: GUTTER.top + grid.layers * tile + 2 };
    }

    function drawNames(context, names) {
      context.fillStyle = names.quiet;
      context.font = '10.5px ui-sans-serif, system-ui, "DejaVu Sans", sans-serif';
      context.textBaseline = 'middle';
      const every = Math.ceil(15 / tile);
      context.textAlign = 'right';
      for (let layer = 0; layer < grid.layers; layer += every) {
        context.fillText(`L${layer}`, GUTTER.left - 5, GUTTER.top + (layer + 0.5) * tile);
      }
      context.textAlign = 'center';
      for (let head = 0; head < grid.heads; head += Math.ceil(20 / tile)) {
        context.fillText(`H${head}`, left(head) + tile / 2, GUTTER.top / 2);
      }
    }

    function drawMarks(context, names) {
      for (const [layer, head] of grid.ablated) {
        const [x, y] = [left(head), GUTTER.top + layer * tile];
        for (const [colour, width] of [[names.surface, 4], [names.accent, 1.5]]) {
          context.strokeStyle = colour;
          context.lineWidth = width;
          context.beginPath();
          context.moveTo(x + 3, y + 3);
          context.lineTo(x + tile - 4, y + tile - 4);
          context.moveTo(x + tile - 4, y + 3);
          context.lineTo(x + 3, y + tile - 4);
          context.stroke();
        }
      }
      if (selected.layer >= grid.layers || selected.head >= grid.heads) return;
      context.strokeStyle = names.accent;
      context.lineWidth = 2;
      context.strokeRect(left(selected.head) - 0.5, GUTTER.top + selected.layer * tile - 0.5, tile, tile);
    }

    function paintAll() {
      scheduled = false;
      if (!grid || !host.offsetParent) return; // hidden: the observer draws when it appears
      tokenscope.paintCanvas(canvas, { ...measure(), paint: paintHeads });
      host.dataset.drawn = String(Number(host.dataset.drawn || 0) + 1);
    }

    function paintHeads(context, ratio) {
      const names = tokenscope.colours.variables[tokenscope.theme()];
      const size = Math.max(1, Math.round((tile - 1) * ratio));
      for (let layer = 0; layer < grid.layers; layer += 1) {
        for (let head = 0; head < grid.heads; head += 1) {
          if (!exists(layer, head)) continue;
          paint(context, layer, head, Math.round(left(head) * ratio), Math.round((GUTTER.top + layer * tile) * ratio), size);
        }
      }
      context.scale(ratio, ratio);
      drawNames(context, names);
      drawMarks(context, names);
    }

    function schedule() {
      if (scheduled) return;
      scheduled = true;
      requestAnimationFrame(paintAll);
    }

    function lines(layer, head) {
      const found = [headName(layer, head)];
      if (!grid.unknown) {
        found.push(grid.shared ? say('reads key/value head {group}', { group: groupOf(layer, head) }) : say('has keys and values of its own'));
      }
      if (isOff(layer, head)) found.push(say('switched off'));
      return [...found, ...describe(layer, head)];
    }

    function tell() {
      const { layer, head } = selected;
      if (!grid || layer >= grid.layers || head >= grid.heads) return;
      host.setAttribute('aria-valuemin', 0);
      host.setAttribute('aria-valuemax', grid.layers * grid.heads - 1);
      host.setAttribute('aria-valuenow', layer * grid.heads + head);
      host.setAttribute('aria-valuetext', lines(layer, head).join(', '));
      host.dataset.layer = layer;
      host.dataset.head = head;
    }

    function headAt(event) {
      if (!grid) return null;
      const box = canvas.getBoundingClientRect();
      const layer = Math.floor((event.clientY - box.top - GUTTER.top) / tile);
      const x = event.clientX - box.left;
      const head = [...Array(grid.heads).keys()].find((index) => x >= left(index) && x < left(index) + tile);
      if (layer < 0 || layer >= grid.layers || head === undefined || !exists(layer, head)) return null;
      return { layer, head };
    }

    function select(layer, head) {
      if (layer < 0 || layer >= grid.layers || head < 0 || head >= grid.heads || !exists(layer, head)) return;
      selected = { layer, head }; // shown at once; the answer confirms it
      schedule();
      tell();
      tokenscope.act('head', selected);
    }

    canvas.addEventListener('click', (event) => {
      const found = headAt(event);
      if (!found) return;
      selected = found;
      schedule();
      tokenscope.act('open_head', found);
    });
    canvas.addEventListener('mousemove', (event) => {
      const found = headAt(event);
      canvas.style.cursor = found ? 'pointer' : 'default';
      if (found) tokenscope.showTip(event.clientX, event.clientY, lines(found.layer, found.head));
      else tokenscope.hideTip();
    });
    canvas.addEventListener('mouseleave', tokenscope.hideTip);
    host.addEventListener('keydown', (event) => {
      if (!grid || event.ctrlKey || event.altKey || event.metaKey) return;
      const { layer, head } = selected;
      const move = MOVES[event.key];
      if (move) select(layer + move[0], head + move[1]);
      else if (event.key === 'Enter') tokenscope.act('open_head', { layer, head });
      else if (event.key === 'x' || event.key === 'X') tokenscope.act('switch', { layer, head, by: tokenscope.offBy });
      else return;
      event.preventDefault();
    });

    tokenscope.onView((view) => {
      if (view.layer === selected.layer && view.head === selected.head) return;
      selected = { layer: view.layer, head: view.head };
      tell();
      schedule();
    });
    new ResizeObserver(schedule).observe(host.parentElement);
    tokenscope.onTheme(schedule);
    return {
      draw(payload) {
        const groups = tokenscope.decode(payload.groups);
        const { layers, heads, shared, ablated, unknown } = payload;
        const model = groups.findIndex((group) => group >= 0); // the first layer with heads shows how they are grouped
        grid = { layers, heads, shared, ablated, unknown, groups, model: Math.max(0, Math.floor(model / heads)) };
        tell();
        schedule();
      },
    };
  };
})();
window.tokenscope.offBy = 'zero'; // how X and the buttons switch a head off

// A row of a ranked list of heads: a button with its name, a bar from -1 to 1 and a number.
window.tokenscope.headRow = ({ layer, head, group, off, share, number }) => {
  const { say } = window.tokenscope;
  const row = document.createElement('button');
  row.type = 'button';
  row.className = 'ts-head-row';
  Object.assign(row.dataset, { layer, head });
  const [name, shared, track, value] = ['ts-head-name', 'ts-head-group', 'ts-track', 'ts-number'].map((part) => {
    const node = document.createElement('span');
    node.className = part;
    row.append(node);
    return node;
  });
  name.textContent = `L${layer} H${head}`;
  name.classList.toggle('ts-is-off', off);
  shared.textContent = group;
  const bar = document.createElement('span');
  bar.className = share < 0 ? 'ts-final ts-less' : 'ts-final';
  bar.style.width = `${Math.min(1, Math.abs(share)) * 100}%`;
  track.append(bar);
  value.textContent = number;
  const told = [say('open {head}', { head: name.textContent }), group, off ? say('switched off') : '', number];
  row.setAttribute('aria-label', told.filter(Boolean).join(', '));
  return row;
};
