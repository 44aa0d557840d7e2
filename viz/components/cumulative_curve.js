// Cumulative probability against rank: tokens from the most probable on, what top-p keeps filled, its line across.
window.tokenscope.cumulativeCurve = (() => {
  const { tokenscope } = window;
  const { say, sayMany } = tokenscope;
  const BOX = { height: 236, left: 34, right: 12, top: 14, foot: 34 };

  // Where the right edge of a rank's bar stands, 0 to 1; rank 0 is the left end.
  const EDGES = {
    log: (rank, count) => Math.log(2 * rank + 1) / Math.log(2 * count + 1),
    linear: (rank, count) => rank / count,
  };

  function ticks(axis, count) {
    if (axis === 'log') return [1, 10, 100, 1_000, 10_000, 100_000].filter((rank) => rank <= count);
    const step = Math.max(1, 10 ** Math.floor(Math.log10(count)) / (count / 10 ** Math.floor(Math.log10(count)) < 3 ? 2 : 1));
    return [1, ...Array.from({ length: Math.floor(count / step) }, (_, index) => (index + 1) * step).filter((rank) => rank > 1)];
  }

  return function cumulativeCurve(host) {
    const svg = host.querySelector('svg');
    let shown = null;
    let axis = 'log';
    let scheduled = false;

    function paint() {
      scheduled = false;
      if (!shown || !host.offsetParent) return; // hidden: the observer draws when it appears
      const { ranks, together, nucleus, share, count } = shown;
      const width = host.clientWidth;
      const across = (rank) => BOX.left + EDGES[axis](rank, count) * (width - BOX.left - BOX.right);
      const bottom = BOX.height - BOX.foot;
      const up = (value) => bottom - value * (bottom - BOX.top);
      svg.setAttribute('width', width);
      svg.setAttribute('height', BOX.height);
      svg.setAttribute('aria-label', sayMany(
        'cumulative probability of {count} token, the first {kept} kept', 'cumulative probability of {count} tokens, the first {kept} kept',
        count, { count, kept: nucleus },
      ));
      svg.replaceChildren();
      ranks.forEach((rank, index) => {
        const left = across(index ? ranks[index - 1] : 0);
        const bar = { x: left, y: up(together[index]), width: Math.max(0.5, across(rank) - left), height: bottom - up(together[index]) };
        tokenscope.svg('rect', { ...bar, class: rank <= nucleus ? 'ts-kept' : 'ts-left-out', 'data-index': index }, svg);
      });
      for (const value of [0, 0.25, 0.5, 0.75, 1]) {
        tokenscope.svg('line', { x1: BOX.left, x2: width - BOX.right, y1: up(value), y2: up(value), class: 'ts-tick' }, svg);
        tokenscope.svg('text', { x: BOX.left - 6, y: up(value) + 4, class: 'ts-up' }, svg, String(value));
      }
      let free = 0; // the first place where the next tick's name does not run into the one before
      for (const rank of ticks(axis, count)) {
        const x = (across(rank - 1) + across(rank)) / 2;
        const half = 3.5 * String(rank).length + 3;
        if (x - half < free || x + half > width) continue;
        free = x + half;
        tokenscope.svg('text', { x, y: bottom + 14, class: 'ts-across' }, svg, tokenscope.whole(rank));
      }
      tokenscope.svg('text', { x: (BOX.left + width - BOX.right) / 2, y: BOX.height - 4, class: 'ts-across' }, svg, say('tokens, the most probable first'));
      if (share === 1) return;
      tokenscope.svg('line', { x1: BOX.left, x2: width - BOX.right, y1: up(share), y2: up(share), class: 'ts-top-p' }, svg);
      const name = (x, y, anchor, text) => tokenscope.svg('text', { x, y, 'text-anchor': anchor, class: 'ts-top-p-name' }, svg, text);
      name(width - BOX.right - 2, up(share) + (share > 0.9 ? 14 : -5), 'end', say('top-p {share}', { share }));
      const edge = across(nucleus);
      tokenscope.svg('line', { x1: edge, x2: edge, y1: BOX.top, y2: bottom, class: 'ts-top-p' }, svg);
      const over = edge < width - 130;
      name(over ? edge + 5 : edge - 5, bottom - 8, over ? 'start' : 'end', say('{count} kept', { count: tokenscope.whole(nucleus) }));
    }

    function schedule() {
      if (scheduled) return;
      scheduled = true;
      requestAnimationFrame(paint);
    }

    svg.addEventListener('mousemove', (event) => {
      const index = event.target.dataset.index;
      if (index === undefined) {
        tokenscope.hideTip();
        return;
      }
      const { ranks, together, own, labels, nucleus } = shown;
      const rank = ranks[index];
      tokenscope.showTip(event.clientX, event.clientY, [
        say('“{token}”, rank {rank}', { token: labels[index], rank: tokenscope.whole(rank) }),
        say('adds {own}; together {together}', { own: tokenscope.percent(own[index]), together: tokenscope.percent(together[index]) }),
        rank <= nucleus ? say('kept') : say('left out'),
      ]);
    });
    svg.addEventListener('mouseleave', tokenscope.hideTip);
    new ResizeObserver(schedule).observe(host);
    return {
      draw(points, newAxis) {
        [shown, axis] = [points, newAxis];
        schedule();
      },
    };
  };
})();
