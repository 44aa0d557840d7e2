// The question that several tabs ask: "Explain this token against that one". Every tab shows the same, the view's.
window.tokenscope.questionForm = (() => {
  const { tokenscope } = window;
  const [AVERAGE, NOTHING] = [-1, -2]; // what a token is compared with, as the view knows it
  const TYPED = 'typed';
  const ABOUT = {
    [AVERAGE]: 'Against the average token: what every token of the vocabulary gets alike says nothing about the choice, so ' +
      'the mean logit is taken off.',
    [NOTHING]: 'Against nothing: the raw logit. Much of it every token gets alike.',
    other: 'Against another token: the difference of the two logits, so what both get alike cancels.',
  };

  function make(name, className, parent) {
    const node = document.createElement(name);
    node.className = className;
    parent.append(node);
    return node;
  }

  // A select of tokens whose last entry opens a text box for any other. choose(value) gets an entry, ask(text) a text.
  function picker(host, { label, choose, ask }) {
    const select = make('select', 'ts-question-token', host);
    select.setAttribute('aria-label', label);
    const box = make('input', 'ts-question-box', host);
    Object.assign(box, { type: 'text', placeholder: 'type a token, Enter', hidden: true, maxLength: 100 });
    box.setAttribute('aria-label', `${label}, typed`);
    let shown = '';
    let kept = '';

    function close() {
      box.hidden = true;
      select.value = kept;
    }

    select.addEventListener('change', () => {
      box.hidden = select.value !== TYPED;
      if (box.hidden) choose(select.value);
      else box.focus();
    });
    box.addEventListener('keydown', (event) => {
      if (event.key === 'Escape') {
        close();
        select.focus();
      } else if (event.key === 'Enter' && !event.ctrlKey) ask(box.value);
    });
    return {
      draw(entries, value) {
        const list = [...entries, [TYPED, 'another token …']];
        const key = JSON.stringify(list);
        if (key !== shown) select.replaceChildren(...list.map(([entry, text]) => new Option(text, entry)));
        shown = key;
        kept = String(value);
        box.value = '';
        close();
      },
    };
  }

  return function questionForm(host) {
    host.classList.add('ts-question-form');
    const line = make('div', 'ts-question-line', host);
    const wrong = make('p', 'ts-form-error', host);
    wrong.hidden = true;
    const about = make('p', 'ts-question-about', host);
    let sent = {}; // what this form asked last

    function send(name, detail) {
      sent = detail;
      tokenscope.act(name, detail);
    }

    make('span', '', line).textContent = 'Explain';
    const target = picker(line, {
      label: 'the token that is explained',
      choose: (value) => send('target', { token: value === '' ? null : Number(value) }),
      ask: (text) => send('target', { text }),
    });
    make('span', '', line).textContent = 'against';
    const rival = picker(line, {
      label: 'what it is compared with',
      choose: (value) => send('against', { against: Number(value) }),
      ask: (text) => send('against', { text }),
    });
    // The answer to what was asked here is told here.
    window.addEventListener('tokenscope-error', ({ detail }) => {
      wrong.hidden = detail.kind !== 'error' || tokenscope.asked() !== sent;
      wrong.textContent = wrong.hidden ? '' : detail.words;
    });

    return {
      draw({ choices, others, target: chosen, against, next }) {
        const mark = (id) => (id === next ? '  ✓ taken' : '');
        const listed = choices.map(([id, label, raw]) => [id, `${label}  ${tokenscope.percent(raw)}${mark(id)}`]);
        const rest = others.map(([id, label]) => [id, `${label}${mark(id)}`]);
        const first = choices[0][1];
        target.draw([['', `first choice: ${first}`], ...listed, ...rest], chosen ?? '');
        rival.draw([[AVERAGE, 'the average token'], [NOTHING, 'nothing'], ...listed, ...rest], against);
        about.textContent = ABOUT[against] || ABOUT.other;
      },
    };
  };
})();
