// A waterfall: bars that each begin where the one before ended, the last ones standing on zero. Scrolls when narrow.
window.tokenscope.waterfall = (() => {
  const { tokenscope } = window;
  const BOX = { height: 250, left: 44, right: 6, top: 30, foot: 22, least: 12, label: 30, number: 42 };

  // Round numbers for about four lines between two values.
  function ticks(low, high) {
    const rough = (high - low) / 4;
    const power = 10 ** Math.floor(Math.log10(rough));
    const size = [1, 2, 5, 10].map((one) => one * power).find((one) => one >= rough);
    const list = [];
    for (let at = Math.ceil(low / size); at * size <= high; at += 1) list.push(at * size);
    return list;
  }

  // host holds an <svg>. onPick(step) answers a click; a step: { short, from, to, value, lines, kind: "part" | "sum", open },
  // where value and lines are texts, the number above the bar and the tooltip.
  return function waterfall(host, { onPick }) {
    const svg = host.querySelector('svg');
    let steps = null;
    let scheduled = false;

    function drawLines(scale, low, high, width) {
      for (const value of ticks(low, high)) {
        const y = scale(value);
        tokenscope.svg('line', { x1: BOX.left, x2: width - BOX.right, y1: y, y2: y, class: value === 0 ? 'ts-zero' : 'ts-tick' }, svg);
        const text = String(Number(value.toPrecision(6))).replace('-', '−');
        tokenscope.svg('text', { x: BOX.left - 6, y: y + 4, class: 'ts-tick-name' }, svg, text);
      }
      tokenscope.svg('text', { x: 2, y: 11, class: 'ts-axis-name' }, svg, tokenscope.say('logits'));
    }

    function drawStep(step, index, scale, wide) {
      const x = BOX.left + index * wide;
      const [top, bottom] = [scale(Math.max(step.from, step.to)), scale(Math.min(step.from, step.to))];
      const sign = step.to >= step.from ? 'ts-plus' : 'ts-minus';
      const gap = Math.min(5, wide * 0.14);
      const group = tokenscope.svg('g', { class: `ts-step${step.open ? ' ts-opens' : ''}`, 'data-step': index }, svg);
      tokenscope.svg('rect', { x, y: 0, width: wide, height: BOX.height, class: 'ts-step-area' }, group);
      const box = { x: x + gap, y: top, width: wide - 2 * gap, height: Math.max(1, bottom - top) };
      tokenscope.svg('rect', { ...box, class: step.kind === 'sum' ? 'ts-sum-bar' : sign }, group);
      if (wide >= BOX.number) tokenscope.svg('text', { x: x + wide / 2, y: top - 5, class: 'ts-step-value' }, group, step.value);
      if (index < steps.length - 1) {
        const y = scale(step.to);
        tokenscope.svg('line', { x1: x + wide - gap, x2: x + wide + gap, y1: y, y2: y, class: 'ts-join' }, svg);
      }
      const [every, left] = [Math.ceil(BOX.label / wide), steps.length - 1 - index];
      if (!left || (index % every === 0 && left >= every)) {
        tokenscope.svg('text', { x: x + wide / 2, y: BOX.height - 6, class: 'ts-step-name' }, group, step.short);
      }
    }

    function paint() {
      scheduled = false;
      if (!steps || !host.offsetParent) return; // hidden: the observer draws when it appears
      const room = host.clientWidth;
      const wide = Math.max(BOX.least, (room - BOX.left - BOX.right) / steps.length);
      const width = BOX.left + BOX.right + wide * steps.length;
      const ends = steps.flatMap(({ from, to }) => [from, to]);
      const [low, high] = [Math.min(0, ...ends), Math.max(0, ...ends)];
      const span = high - low || 1;
      const scale = (value) => BOX.top + ((high - value) / span) * (BOX.height - BOX.top - BOX.foot);
      svg.setAttribute('width', width);
      svg.setAttribute('height', BOX.height);
      svg.replaceChildren();
      drawLines(scale, low, low + span, width);
      steps.forEach((step, index) => drawStep(step, index, scale, wide));
      host.dataset.drawn = String(Number(host.dataset.drawn || 0) + 1);
    }

    function schedule() {
      if (scheduled) return;
      scheduled = true;
      requestAnimationFrame(paint);
    }

    const stepOf = (event) => steps?.[event.target.closest('.ts-step')?.dataset.step];
    svg.addEventListener('mousemove', (event) => {
      const step = stepOf(event);
      if (step) tokenscope.showTip(event.clientX, event.clientY, step.lines);
      else tokenscope.hideTip();
    });
    svg.addEventListener('mouseleave', tokenscope.hideTip);
    svg.addEventListener('click', (event) => {
      const step = stepOf(event);
      if (step?.open) onPick(step);
    });
    new ResizeObserver(schedule).observe(host);
    return {
      draw(list, about) {
        steps = list;
        svg.setAttribute('aria-label', about);
        schedule();
      },
    };
  };
})();
