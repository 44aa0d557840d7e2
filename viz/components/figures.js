// Every figure of the page: what it is called, the picture, and what stands around it (legend, names, numbers), which a
// file of it takes along. A new picture is an entry here.
(() => {
  const { tokenscope } = window;
  const { later } = tokenscope;

  // [title, picture, what stands around it, 'head' where it is about the selected head]; what is not in sight is left out.
  const EVERYWHERE = [
    [later('The text'), '#token-strip .ts-tokens', ['#token-strip .ts-legend', '#token-strip .ts-key']],
    [later('Next token'), '#next-token .ts-bars', ['#next-token .ts-title', '#next-token .ts-foot']],
  ];
  const OF_TABS = {
    attention: [
      [later('All heads'), '#head-mosaic .ts-grid-box', ['#head-mosaic .ts-pooled', '#head-mosaic .ts-hidden-note']],
      [later('Attention weights'), '#attention-map .ts-picture', ['#attention-map .ts-scale', '#attention-map .ts-hidden-note'], 'head'],
      [later('What the token looks at'), '#head-side .ts-keys', ['#head-side .ts-looks'], 'head'],
    ],
    looking: [
      [later('Heads that look most'), '#which-head .ts-head-rows', ['#which-head .ts-question']],
      [later('Every head by how much it looks'), '#which-head .ts-grid-box', ['#which-head .ts-question', '#which-head .ts-scale']],
      [later('Pairs of tokens that a head connects most'), '#which-head .ts-pairs', ['#which-head .ts-pairs-title'], 'head'],
    ],
    compare: [
      [later('Pinned heads'), '#compare .ts-cards', ['#compare .ts-cards-scale']],
      [later('The difference of two heads'), '#compare .ts-versus', []],
      [later('Heads that look most alike'), '#compare .ts-near', [], 'head'],
      [later('All heads by likeness'), '#compare .ts-map', ['#compare .ts-map-key', '#compare .ts-map-facts']],
    ],
    heads: [[later('What each head looks at'), '#head-table .ts-table-scroll', ['#head-table .ts-shown']]],
    inside: [
      [later('Who shares keys and values'), '#inside .ts-sharing', ['#inside .ts-reach'], 'head'],
      [later('Relevance scoring'), '#inside .ts-scores', ['#inside .ts-vector-row', '#inside .ts-scale:has(.ts-low)', '#inside .ts-check-scores'], 'head'],
      [later('Combining information'), '#inside .ts-values', ['#inside .ts-scale:has(.ts-low2)', '#inside .ts-check-values'], 'head'],
    ],
    ablation: [
      [later('Heads that matter most'), '#ablation .ts-head-rows', ['#ablation .ts-told']],
      [later('Every head by the change'), '#ablation .ts-grid-box', ['#ablation .ts-told', '#ablation .ts-scale']],
    ],
    bertviz: [],
    lens: [
      [later('The token each layer would predict'), '#lens .ts-lens-grid', ['#lens .ts-lens-key']],
      [later('One reading beside the output'), '#lens .ts-lens-rows', ['#lens .ts-cell-title', '#lens .ts-lens-cell .ts-facts-line', '#lens .ts-lens-head']],
      [later('Probability through the layers'), '#lens .ts-curves[data-name=probability]', ['#lens .ts-follow-list', '#lens .ts-follow-title']],
      [later('Rank through the layers'), '#lens .ts-curves[data-name=rank]', ['#lens .ts-follow-list', '#lens .ts-follow-title']],
    ],
    contributions: [
      [later('What every part added'), '#contributions .ts-part-rows', ['#contributions .ts-told-parts', '#contributions .ts-parts .ts-hint']],
      [later('What every head added'), '#contributions .ts-heads-shown', ['#contributions .ts-told-heads']],
      [later('From the embedding to the logit'), '#contributions .ts-waterfall', ['#contributions .ts-sum-check', '#contributions .ts-steps .ts-hint']],
    ],
    neurons: [
      [later('What each MLP added'), '#neurons .ts-mlps', []],
      [later('The neurons that added most'), '#neurons .ts-neurons-shown', []],
    ],
    residual: [
      [later('Every vector'), '#residual .ts-table-grid', ['#residual .ts-table-scale', '#residual .ts-outliers']],
      [later('How the tokens move'), '#residual .ts-map-box', ['#residual .ts-slider-says', '#residual .ts-axes']],
      [later('Streams with each other'), '#residual .ts-own-grid', ['#residual .ts-own-title', '#residual .ts-scale:has(.ts-compared)']],
      [later('Tokens with each other'), '#residual .ts-pairs-grid', ['#residual .ts-pairs-title', '#residual .ts-scale:has(.ts-compared)']],
      [later('The vector itself'), '#residual .ts-vector', ['#residual .ts-vector-of', '#residual .ts-scale:has(.ts-vector-low)', '#residual .ts-largest-title', '#residual .ts-largest']],
    ],
    inputs: [
      [later('What each token contributed'), '#inputs .ts-inputs-text', ['#inputs .ts-told', '#inputs .ts-scale', '#inputs .ts-inputs-sum']],
      [later('The largest contributions'), '#inputs .ts-input-rows', ['#inputs .ts-told', '#inputs .ts-inputs-sum']],
    ],
    patching: [
      [later('The two texts'), '#patching .ts-patch-tokens', ['#patching .ts-patch-answers']],
      [later('What each patch recovers'), '#patching .ts-patch-map', ['#patching .ts-told']],
      [later('What recovers most'), '#patching .ts-patch-list', ['#patching .ts-told']],
    ],
    steering: [
      [later('How long the difference is in each stream'), '#steering .ts-steer-streams', ['#steering .ts-steer-about']],
      [later('What is steered'), '#steering .ts-steer-list', []],
    ],
    loop: [
      [later('The step at the cursor'), '#loop .ts-loop-figure', []],
      [later('Every step'), '#loop .ts-loop-rows', ['#loop .ts-loop-told', '#loop .ts-loop-head']],
    ],
    streams: [
      [later('The context'), '#streams .ts-context', ['#streams .ts-context-key', '#streams .ts-context-told']],
      [later('The tracks'), '#streams .ts-stream-rows', ['#streams .ts-streams-title', '#streams .ts-hits', '#streams .ts-stream-head']],
    ],
    choosing: [
      [later('Filter by filter'), '#choosing .ts-steps-cards', ['#choosing .ts-try-says', '#choosing .ts-taken-says']],
      [later('The nucleus'), '#choosing .ts-curve-host', ['#choosing .ts-nucleus-says']],
      [later('Drawn many times'), '#choosing .ts-draw-rows', ['#choosing .ts-draws-key', '#choosing .ts-draws-says']],
    ],
    beams: [
      [later('The tree of beams'), '#beams .ts-beam-tree', ['#beams .ts-beams-key']],
      [later('Results of the search'), '#beams .ts-beam-rows', ['#beams .ts-beam-head', '#beams .ts-beam-note']],
    ],
    parts: [
      [later('Whose each token is'), '#prompt-parts .ts-parts-strip', []],
      [later('Attention to each part'), '#prompt-parts .ts-share-rows', ['#prompt-parts .ts-attention-of', '#prompt-parts .ts-share-legend']],
      [later('What leaving each part out changes'), '#prompt-parts .ts-effects', ['#prompt-parts .ts-effects-told']],
    ],
    map: [
      [later('From text to the next token'), '#model-map .ts-flow', ['#model-map .ts-map-note']],
      [later('Parameters by part'), '#model-map .ts-treemap', ['#model-map .ts-map-total', '#model-map .ts-map-parts', '#model-map .ts-map-tied']],
      [later('The module tree'), '#model-map .ts-tree', []],
    ],
    tokenizer: [
      [later('The text as the model sees it'), '#tokenizer .ts-text-table', []],
      [later('The same text, cut in other ways'), '#tokenizer .ts-cuts', ['#tokenizer .ts-cut-of']],
      [later('How a message is sent'), '#tokenizer .ts-forms', ['#tokenizer .ts-sent']],
      [later('Special tokens'), '#tokenizer .ts-special-table', ['#tokenizer .ts-special-more']],
      [later('Tokens of the vocabulary'), '#tokenizer .ts-vocabulary-table', ['#tokenizer .ts-found']],
    ],
    embeddings: [
      [later('The nearest tokens'), '#embeddings .ts-near-lists', ['#embeddings .ts-embeddings-title']],
      [later('The nearest tokens on a map'), '#embeddings .ts-map-box', ['#embeddings .ts-embeddings-title', '#embeddings .ts-map-axes']],
      [later('The row itself'), '#embeddings .ts-vector', ['#embeddings .ts-embeddings-title', '#embeddings .ts-scale', '#embeddings .ts-largest-title', '#embeddings .ts-largest']],
    ],
    block: [
      [later('This block'), '#block .ts-block-own .ts-block-host', ['#block .ts-block-title', '#block .ts-block-own figcaption']],
      [later('The original block'), '#block .ts-block-old .ts-block-host', ['#block .ts-block-old figcaption']],
      [later('What differs'), '#block .ts-block-facts', []],
    ],
    cache: [
      [later('What each pass computes'), '#cache .ts-cache-grid', ['#cache .ts-cache-told', '#cache .ts-cache-key']],
      [later('Bytes of the cache'), '#cache .ts-cache-bytes', ['#cache .ts-cache-formula', '#cache .ts-cache-held']],
      [later('Time with the cache and without'), '#cache .ts-cache-chart', ['#cache .ts-cache-result .ts-cache-times', '#cache .ts-cache-same']],
    ],
    masks: [
      [later('Masks'), '#masks .ts-mask-pictures', ['#masks .ts-mask-without']],
      [later('Shared keys and values'), '#masks .ts-sharing-pictures', []],
      [later('Kernels by time'), '#masks .ts-kernels', []],
    ],
    positions: [
      [later('The pairs, turned'), '#positions .ts-dials', ['#positions .ts-positions-controls', '#positions .ts-rotary-facts'], 'head'],
      [later('The score against distance'), '#positions .ts-rotary .ts-curve', ['#positions .ts-curve-told'], 'head'],
      [later('Moving both leaves the score'), '#positions .ts-moves', [], 'head'],
      [later('What is added to each token'), '#positions .ts-added', ['#positions .ts-learned-told']],
      [later('How alike positions are'), '#positions .ts-cosines', ['#positions .ts-learned .ts-scale']],
      [later('Length of each position’s vector'), '#positions .ts-norms', []],
      [later('What a score loses with distance'), '#positions .ts-slope-rows', []],
      [later('Two texts in one context'), '#positions .ts-packed-table', ['#positions .ts-packed-told']],
    ],
  };

  const shownNodes = (selector) => [...document.querySelectorAll(selector)].filter((node) => node.offsetParent ?? node.closest('svg')?.getBoundingClientRect().width);
  const hasContent = (node) => Boolean(node.matches('canvas, svg') || node.textContent.trim() || node.querySelector('canvas, svg'));

  /** The figures of a tab that are drawn now, those of every tab last: { title, parts: their elements in the order of the page }. */
  tokenscope.figuresOf = function figuresOf(tab) {
    return [...OF_TABS[tab], ...EVERYWHERE].flatMap(([title, picture, around, about]) => {
      const [main] = shownNodes(picture).filter(hasContent);
      if (!main) return [];
      const parts = [main, ...around.flatMap(shownNodes).filter((node) => node.textContent.trim() && !main.contains(node))];
      parts.sort((one, other) => (one.compareDocumentPosition(other) & Node.DOCUMENT_POSITION_FOLLOWING ? -1 : 1));
      return [{ title: tokenscope.say(title), parts, head: about === 'head' }];
    });
  };
})();
