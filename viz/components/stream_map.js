// The map of the residual stream: a mark each token at its place in one stream, on axes that are the same for all
// streams; the way of the cursor's token through all of them is drawn faintly. A mark is a button.
window.tokenscope.streamMap = (() => {
  const { tokenscope } = window;
  const { say } = tokenscope;
  const EDGE = { x: 60, y: 26 }; // room for labels
  const CHARACTER = { width: 6.8, height: 13 };
  const MOST_CHARACTERS = 10;
  const MOST_LABELS = 150; // to find room for more takes longer than a step
  const MARK = 5;

  const shorten = (text) => (text.length <= MOST_CHARACTERS ? text : `${text.slice(0, MOST_CHARACTERS - 1)}…`);
  const overlap = (one, other) => one.x < other.x + other.width && other.x < one.x + one.width &&
    one.y < other.y + other.height && other.y < one.y + one.height;

  // about: what the map is, for those who cannot see it; describe: the tooltip's lines for a position.
  return function streamMap(host, {
    onPick,
    about = `${say('tokens on the map')}; ${say('up and down walk from token to token, Enter puts the cursor there')}`,
    describe = (position, label, stream) => [`“${label}” (${position})`, say('in stream {stream}', { stream })],
  }) {
    const svg = tokenscope.svg('svg', { class: 'ts-map-picture', role: 'group', 'aria-label': about }, host);
    const lines = tokenscope.svg('g', { class: 'ts-map-lines' }, svg);
    const way = tokenscope.svg('polyline', { class: 'ts-map-way' }, svg);
    const stops = tokenscope.svg('g', { class: 'ts-map-stops' }, svg);
    const marks = tokenscope.svg('g', { class: 'ts-map-marks' }, svg);
    let map = null; // { points, streams, labels, start, cursor, edges }
    let stream = 0;
    let scheduled = false;
    let box = { width: 0, height: 0 };

    const focusable = () => [...marks.children];

    // One scale for both axes: distances on the page are to be compared in every direction.
    function placer() {
      const spans = map.edges.map(([low, high]) => Math.max(1e-6, high - low));
      const unit = Math.min((box.width - 2 * EDGE.x) / spans[0], (box.height - 2 * EDGE.y) / spans[1]);
      const [middleX, middleY] = map.edges.map(([low, high]) => (low + high) / 2);
      return (x, y) => [box.width / 2 + (x - middleX) * unit, box.height / 2 - (y - middleY) * unit];
    }

    function placeOf(place, token, at) {
      const index = 2 * (at * map.labels.length + token);
      return place(map.points[index], map.points[index + 1]);
    }

    function fitMarks() {
      while (marks.children.length > map.labels.length) marks.lastChild.remove();
      while (marks.children.length < map.labels.length) {
        const mark = tokenscope.svg('g', { role: 'button' }, marks);
        tokenscope.svg('circle', { r: MARK }, mark);
        tokenscope.svg('text', {}, mark);
      }
    }

    // The cursor's label first, then the newest: a label that would cover another is left to the tooltip.
    function placeLabels(places) {
      const own = map.cursor - map.start;
      const order = [...map.labels.keys()].reverse().sort((a, b) => Number(b === own) - Number(a === own));
      const taken = places.map(([x, y]) => ({ x: x - MARK, y: y - MARK, width: 2 * MARK, height: 2 * MARK }));
      for (const token of order.splice(MOST_LABELS)) marks.children[token].lastChild.classList.add('ts-left-out');
      for (const token of order) {
        const [x, y] = places[token];
        const text = marks.children[token].lastChild;
        const [width, { height }] = [shorten(map.labels[token]).length * CHARACTER.width, CHARACTER];
        const sides = [[9, 4], [-9 - width, 4], [-width / 2, -9], [-width / 2, 17]];
        const free = sides.find(([left, base]) => {
          const area = { x: x + left, y: y + base - height + 3, width, height };
          return !taken.some((other, index) => index !== token && overlap(area, other));
        });
        text.classList.toggle('ts-left-out', !free);
        if (!free) continue;
        text.setAttribute('x', free[0]);
        text.setAttribute('y', free[1]);
        taken.push({ x: x + free[0], y: y + free[1] - height + 3, width, height });
      }
    }

    function drawMarks(place) {
      const places = map.labels.map((_, token) => placeOf(place, token, stream));
      map.labels.forEach((label, token) => {
        const mark = marks.children[token];
        const position = map.start + token;
        const here = position === map.cursor;
        mark.setAttribute('class', `${here ? 'ts-here' : ''} ${position === 0 ? 'ts-first' : ''}`);
        mark.setAttribute('tabindex', here ? 0 : -1);
        mark.setAttribute('data-position', position);
        mark.setAttribute('aria-label', describe(position, label, stream)[0]);
        mark.style.transform = `translate(${places[token][0].toFixed(1)}px, ${places[token][1].toFixed(1)}px)`;
        mark.lastChild.textContent = shorten(label);
      });
      placeLabels(places);
    }

    function drawWay(place) {
      const own = map.cursor - map.start;
      const places = Array.from({ length: map.streams }, (_, at) => placeOf(place, own, at));
      way.setAttribute('points', places.map((point) => point.map((value) => value.toFixed(1)).join(',')).join(' '));
      stops.replaceChildren();
      if (map.streams < 2) return; // a single picture has no way
      places.forEach(([x, y], at) => {
        tokenscope.svg('circle', { cx: x, cy: y, r: 2, class: 'ts-map-stop' }, stops);
        if (at !== 0 && at !== map.streams - 1) return;
        tokenscope.svg('text', { x, y: y - 7, class: 'ts-map-end' }, stops, at);
      });
    }

    function drawLines(place) {
      const [x, y] = place(0, 0);
      const ends = [[x, 0, x, box.height], [0, y, box.width, y]];
      while (lines.children.length < 2) tokenscope.svg('line', {}, lines);
      ends.forEach((values, index) => ['x1', 'y1', 'x2', 'y2'].forEach((name, at) => {
        lines.children[index].setAttribute(name, values[at]);
      }));
    }

    function paint() {
      scheduled = false;
      if (!map || !host.offsetParent) return; // hidden: the observer draws when it appears
      const width = host.clientWidth;
      box = { width, height: Math.round(Math.max(280, Math.min(420, 0.5 * width))) };
      svg.setAttribute('width', box.width);
      svg.setAttribute('height', box.height);
      const focused = marks.contains(document.activeElement);
      const place = placer();
      fitMarks();
      drawLines(place);
      drawWay(place);
      drawMarks(place);
      if (focused) marks.querySelector('.ts-here')?.focus({ preventScroll: true });
      host.dataset.stream = stream;
    }

    function schedule() {
      if (scheduled) return;
      scheduled = true;
      requestAnimationFrame(paint);
    }

    function pick(target) {
      const mark = target.closest?.('[data-position]');
      if (mark) onPick(Number(mark.dataset.position));
    }

    svg.addEventListener('click', (event) => pick(event.target));
    svg.addEventListener('keydown', (event) => {
      if (event.key === 'Enter' || event.key === ' ') {
        event.preventDefault();
        pick(event.target);
      }
      if (event.key !== 'ArrowUp' && event.key !== 'ArrowDown') return;
      event.preventDefault();
      const all = focusable();
      all[all.indexOf(event.target) + (event.key === 'ArrowDown' ? 1 : -1)]?.focus();
    });
    svg.addEventListener('mousemove', (event) => {
      const mark = event.target.closest('[data-position]');
      if (!mark) tokenscope.hideTip();
      else {
        const position = Number(mark.dataset.position);
        tokenscope.showTip(event.clientX, event.clientY, describe(position, map.labels[position - map.start], stream));
      }
    });
    svg.addEventListener('mouseleave', tokenscope.hideTip);
    new ResizeObserver(schedule).observe(host);
    return {
      draw(newMap, newStream) {
        [map, stream] = [newMap, newStream];
        const marks = tokenscope.say('{marks} in all', { marks: map.labels.length });
        svg.setAttribute('aria-label', `${about}; ${marks}`);
        host.classList.remove('ts-moving'); // a new text is no movement
        schedule();
      },
      // Moves the marks to another stream, so that the eye can follow them.
      show(newStream) {
        stream = newStream;
        host.classList.add('ts-moving');
        schedule();
      },
    };
  };
})();
