// A tree of beams: a column a token, branches that never cross; one node is chosen, by mouse or by arrow keys.
window.tokenscope.beamTree = (() => {
  const { tokenscope } = window;
  const BOX = { column: 142, node: 118, line: 25, high: 20, left: 6, top: 22 };
  const SHORT = 9; // characters of a label

  const short = (label) => (label.length > SHORT ? `${label.slice(0, SHORT - 1)}…` : label);
  const number = (value) => value.toFixed(2).replace('-', '−');

  // host holds an <svg>; onPick(node) is told which node was chosen.
  return function beamTree(host, { onPick, describe }) {
    const svg = host.querySelector('svg');
    let tree = null;
    let chosen = -1;

    const isVisible = (node) => tree.dropped || tree.fates[tree.fate[node]] !== 'dropped' || tree.greedy.has(node);

    function place() {
      const nodes = tree.parent.map((_, node) => node).filter(isVisible);
      const used = [...new Set(nodes.map((node) => tree.line[node]))].sort((one, other) => one - other);
      const row = new Map(used.map((line, index) => [line, index]));
      tree.nodes = nodes;
      tree.x = (node) => BOX.left + tree.step[node] * BOX.column;
      tree.y = (node) => BOX.top + row.get(tree.line[node]) * BOX.line;
      svg.setAttribute('width', BOX.left + (Math.max(...tree.step) + 1) * BOX.column);
      svg.setAttribute('height', BOX.top + used.length * BOX.line + 4);
    }

    function drawLink(node) {
      const from = tree.parent[node];
      if (from < 0) return;
      const [x1, y1] = [tree.x(from) + BOX.node, tree.y(from) + BOX.high / 2];
      const [x2, y2] = [tree.x(node), tree.y(node) + BOX.high / 2];
      const middle = (x1 + x2) / 2;
      const kinds = [tree.best.has(node) ? 'ts-best' : '', tree.greedy.has(node) ? 'ts-greedy' : '', `ts-fate-${tree.fates[tree.fate[node]]}`];
      tokenscope.svg('path', { d: `M${x1},${y1}C${middle},${y1} ${middle},${y2} ${x2},${y2}`, class: `ts-link ${kinds.join(' ')}` }, svg);
    }

    function drawNode(node) {
      const kinds = [tree.best.has(node) ? 'ts-best' : '', tree.greedy.has(node) ? 'ts-greedy' : '', node === chosen ? 'ts-chosen' : ''];
      const group = tokenscope.svg('g', { class: `ts-node ts-fate-${tree.fates[tree.fate[node]]} ${kinds.join(' ')}`, 'data-node': node }, svg);
      const [x, y] = [tree.x(node), tree.y(node)];
      tokenscope.svg('rect', { x, y, width: BOX.node, height: BOX.high, rx: 4 }, group);
      if (tree.greedy.has(node)) tokenscope.svg('rect', { x: x + 2, y: y + BOX.high - 3, width: BOX.node - 4, height: 2, class: 'ts-greedy-mark' }, group);
      tokenscope.svg('text', { x: x + 6, y: y + 14, class: 'ts-node-name' }, group, short(tree.labels[node]));
      tokenscope.svg('text', { x: x + BOX.node - 6, y: y + 14, class: 'ts-node-number' }, group, number(tree.own[node]));
    }

    function paint() {
      svg.replaceChildren();
      place();
      for (let step = 0; step <= Math.max(...tree.step); step += 1) {
        tokenscope.svg('text', { x: BOX.left + step * BOX.column, y: 12, class: 'ts-column-name' }, svg, tokenscope.say('token {number}', { number: step + 1 }));
      }
      // What matters more is drawn over the rest.
      const weight = (node) => 2 * tree.best.has(node) + tree.greedy.has(node);
      const sorted = [...tree.nodes].sort((one, other) => weight(one) - weight(other));
      sorted.forEach(drawLink);
      sorted.forEach(drawNode);
      host.dataset.drawn = String(Number(host.dataset.drawn || 0) + 1);
      host.dataset.nodes = tree.nodes.length;
    }

    function choose(node) {
      svg.querySelector('.ts-chosen')?.classList.remove('ts-chosen');
      chosen = node;
      const group = svg.querySelector(`[data-node="${node}"]`);
      group?.classList.add('ts-chosen');
      if (group) reveal(node);
      onPick(node);
    }

    function reveal(node) {
      const [x, y] = [tree.x(node), tree.y(node)];
      if (x < host.scrollLeft || x + BOX.node > host.scrollLeft + host.clientWidth) host.scrollLeft = x - 40;
      if (y < host.scrollTop || y + BOX.high > host.scrollTop + host.clientHeight) host.scrollTop = y - 60;
    }

    // The neighbour of the chosen node in the direction of an arrow key.
    function neighbour(key) {
      if (!tree.nodes.includes(chosen)) return tree.nodes[0];
      if (key === 'ArrowLeft') return tree.parent[chosen];
      const down = tree.y(chosen);
      const better = (list) => list.sort((one, other) => Math.abs(tree.y(one) - down) - Math.abs(tree.y(other) - down))[0];
      if (key === 'ArrowRight') return better(tree.nodes.filter((node) => tree.parent[node] === chosen));
      const column = tree.nodes.filter((node) => tree.step[node] === tree.step[chosen]);
      return better(column.filter((node) => (key === 'ArrowDown' ? tree.y(node) > down : tree.y(node) < down)));
    }

    const nodeOf = (event) => event.target.closest('[data-node]')?.dataset.node;
    svg.addEventListener('click', (event) => {
      if (nodeOf(event) !== undefined) choose(Number(nodeOf(event)));
    });
    svg.addEventListener('mousemove', (event) => {
      const node = nodeOf(event);
      if (node === undefined) tokenscope.hideTip();
      else tokenscope.showTip(event.clientX, event.clientY, describe(Number(node)));
    });
    svg.addEventListener('mouseleave', tokenscope.hideTip);
    host.addEventListener('keydown', (event) => {
      if (!event.key.startsWith('Arrow') || event.ctrlKey || event.altKey || event.metaKey || !tree) return;
      event.preventDefault();
      event.stopPropagation(); // here the arrow keys do not step
      const next = neighbour(event.key);
      if (next !== undefined && next >= 0) choose(next);
    });
    return {
      // { parent, step, line, fate, fates, labels, own, best and greedy: sets of nodes, dropped: whether those are shown }
      draw(newTree, newChosen) {
        [tree, chosen] = [newTree, newChosen];
        paint();
      },
      choose,
    };
  };
})();
