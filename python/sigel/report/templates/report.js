"use strict";
(() => {
  const by = (id) => document.getElementById(id);
  const data = JSON.parse(by("data").textContent);
  const { names, n_near: nNear, n_tested: nTested, q: qvals } = data.genes;
  const kinds = { Int8Array, Uint8Array, Int16Array, Uint16Array, Uint32Array };
  const unpack = (one) => one && new kinds[one.type](Uint8Array.from(atob(one.bytes), (c) => c.charCodeAt(0)).buffer);
  const of = {};
  for (const name of ["group", "x", "y", "near", "similarity", "random", "rank", "effect"]) of[name] = unpack(data.genes[name]);
  const groups = new Map(data.groups.map((one) => [one.number, one]));
  const [sprite, plane] = [by("sprite"), by("plane")];
  const state = { shown: -1, kept: -1, group: -1 };

  // --- images ---

  function drawTile(canvas, at) {
    const { width, height, across } = data.tile;
    const pen = canvas.getContext("2d");
    pen.clearRect(0, 0, width, height);
    pen.imageSmoothingEnabled = false;
    pen.drawImage(sprite, (at % across) * width, Math.floor(at / across) * height, width, height, 0, 0, width, height);
  }

  const drawTiles = () => document.querySelectorAll("canvas[data-tile]").forEach((one) => drawTile(one, Number(one.dataset.tile)));
  const share = (percent) => (percent === -128 ? "–" : (percent / 100).toFixed(2)); // -128: not known
  const tileOf = (gene) => (gene < data.tile.n ? data.tile.first + gene : -1);

  const make = (kind, given) => Object.assign(document.createElement(kind), given);

  function tileCanvas(gene) {
    const canvas = make("canvas", { className: "tile", width: data.tile.width, height: data.tile.height });
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", `Image of ${names[gene]}`);
    drawTile(canvas, tileOf(gene));
    return canvas;
  }

  // --- the card of one gene ---

  const groupOf = (gene) => groups.get(of.group[gene]);
  const lit = (gene) => state.group < 0 || of.group[gene] === state.group;

  function factsOf(gene) {
    const facts = groupOf(gene) ? [groupOf(gene).title] : [];
    if (of.rank && of.rank[gene]) {
      facts.push(`rank ${of.rank[gene]} of ${nTested} tested, q ${qvals[gene]}`, `${of.effect[gene]} % of its variance is spatial`);
    }
    return facts.join("; ");
  }

  function showGene(gene) {
    state.shown = gene;
    by("card-none").hidden = gene >= 0;
    by("card-gene").hidden = gene < 0;
    if (gene >= 0) {
      by("gene-name").textContent = names[gene];
      by("gene-facts").textContent = factsOf(gene);
      const image = by("gene-image");
      const has = tileOf(gene) >= 0;
      image.hidden = !has;
      by("gene-without").hidden = has;
      image.setAttribute("aria-label", `Image of ${names[gene]}`);
      if (has) drawTile(image, tileOf(gene));
      by("near").replaceChildren(...nearOf(gene));
      by("near-title").hidden = by("near-read").hidden = !of.near;
    }
    drawPlane();
  }

  function nearOf(gene) {
    return Array.from({ length: of.near ? nNear : 0 }, (_, k) => {
      const at = gene * nNear + k;
      const line = make("li");
      const name = make("button", { type: "button", className: "gene", textContent: names[of.near[at]] });
      name.dataset.gene = of.near[at];
      const said = make("div", { className: "quiet", textContent: `${share(of.similarity[at])} (${share(of.random[at])})` });
      if (tileOf(of.near[at]) >= 0) line.append(tileCanvas(of.near[at]));
      line.append(name, said);
      return line;
    });
  }

  const keep = (gene) => { state.kept = gene; showGene(gene); };
  const keepAndGo = (gene) => { keep(gene); by("card").scrollIntoView({ block: "nearest" }); };

  // --- the map ---

  let places = [];

  function layPlane() {
    if (!plane) return;
    const ratio = window.devicePixelRatio || 1;
    const { clientWidth: width, clientHeight: height } = plane;
    [plane.width, plane.height] = [Math.round(width * ratio), Math.round(height * ratio)];
    plane.getContext("2d").setTransform(ratio, 0, 0, ratio, 0, 0);
    const most = (values) => values.reduce((a, b) => Math.max(a, b), 1);
    const margin = 14;
    const scale = Math.min((width - 2 * margin) / most(of.x), (height - 2 * margin) / most(of.y));
    const [left, top] = [(width - scale * most(of.x)) / 2, (height - scale * most(of.y)) / 2];
    places = names.map((_, gene) => [left + scale * of.x[gene], top + scale * of.y[gene]]);
    drawPlane();
  }

  function drawPlane() {
    if (!plane || !places.length) return;
    const pen = plane.getContext("2d");
    pen.clearRect(0, 0, plane.clientWidth, plane.clientHeight);
    const size = Math.max(1.6, Math.min(4.5, Math.sqrt(9000 / places.length)));
    const dot = (gene, colour) => {
      pen.fillStyle = colour;
      pen.beginPath();
      pen.arc(places[gene][0], places[gene][1], size, 0, 7);
      pen.fill();
    };
    places.forEach((_, gene) => lit(gene) || dot(gene, "#e3e7ec"));
    places.forEach((_, gene) => lit(gene) && dot(gene, groupOf(gene) ? groupOf(gene).colour : "#9aa5b1"));
    for (const gene of [state.kept, state.shown].filter((one) => one >= 0)) {
      const [x, y] = places[gene];
      pen.strokeStyle = "#000";
      pen.lineWidth = gene === state.kept ? 2.5 : 1.5;
      pen.beginPath();
      pen.arc(x, y, size + 3, 0, 7);
      pen.stroke();
      pen.font = "italic 14px system-ui, sans-serif";
      pen.textAlign = x > plane.clientWidth / 2 ? "right" : "left";
      pen.lineWidth = 4;
      pen.strokeStyle = "#fff";
      const at = x + (pen.textAlign === "right" ? -10 : 10);
      pen.strokeText(names[gene], at, y - 8);
      pen.fillStyle = "#000";
      pen.fillText(names[gene], at, y - 8);
    }
  }

  function geneAt(event) {
    const box = plane.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left - plane.clientLeft, event.clientY - box.top - plane.clientTop];
    let [best, least] = [-1, 144];
    places.forEach(([px, py], gene) => {
      const away = (px - x) ** 2 + (py - y) ** 2;
      if (away < least && lit(gene)) [best, least] = [gene, away];
    });
    return best;
  }

  // The nearest gene within the quarter of the plane that an arrow points to.
  function geneTowards(from, [dx, dy]) {
    let [best, least] = [from, Infinity];
    places.forEach(([px, py], gene) => {
      const [x, y] = [px - places[from][0], py - places[from][1]];
      const along = x * dx + y * dy;
      const aside = Math.abs(x * dy) + Math.abs(y * dx);
      if (lit(gene) && along > 0.5 && aside <= along && along + aside < least) [best, least] = [gene, along + aside];
    });
    return best;
  }

  const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

  function planeKey(event) {
    if (ARROWS[event.key]) {
      event.preventDefault();
      showGene(state.shown < 0 ? 0 : geneTowards(state.shown, ARROWS[event.key]));
    } else if (event.key === "Enter" && state.shown >= 0) keep(state.shown);
    else if (event.key === "Escape") keep(-1);
  }

  if (plane) {
    plane.addEventListener("mousemove", (event) => {
      const gene = geneAt(event);
      if (gene >= 0 && state.kept < 0 && gene !== state.shown) showGene(gene);
    });
    plane.addEventListener("click", (event) => keep(geneAt(event)));
    plane.addEventListener("keydown", planeKey);
    new ResizeObserver(layPlane).observe(plane);
  }

  // --- search ---

  const search = by("search");
  const results = by("results");
  let [found, marked] = [[], -1];

  function mark(k) {
    marked = k;
    [...results.children].forEach((line, at) => line.setAttribute("aria-selected", String(at === k)));
    if (k >= 0) {
      search.setAttribute("aria-activedescendant", results.children[k].id);
      results.children[k].scrollIntoView({ block: "nearest" });
    } else search.removeAttribute("aria-activedescendant");
  }

  function lookUp() {
    const part = search.value.trim().toLowerCase();
    const within = names.map((name, gene) => [name.toLowerCase().indexOf(part), name.length, gene]);
    const order = (a, b) => (a[0] > 0) - (b[0] > 0) || a[1] - b[1] || a[2] - b[2];
    found = part ? within.filter((one) => one[0] >= 0).sort(order).slice(0, 20).map((one) => one[2]) : [];
    results.replaceChildren(...found.map((gene, k) => {
      const line = make("li", { id: `result-${k}`, textContent: names[gene] });
      line.setAttribute("role", "option");
      line.addEventListener("mousedown", (event) => { event.preventDefault(); choose(k); });
      return line;
    }));
    if (part && !found.length) results.append(make("li", { textContent: "no gene of that name" }));
    results.hidden = !part;
    search.setAttribute("aria-expanded", String(Boolean(part)));
    mark(found.length ? 0 : -1);
  }

  function choose(k) {
    close();
    search.value = names[found[k]];
    keepAndGo(found[k]);
  }

  function close() {
    results.hidden = true;
    search.setAttribute("aria-expanded", "false");
    mark(-1);
  }

  search.addEventListener("input", lookUp);
  search.addEventListener("blur", close);
  search.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && found.length && !results.hidden) {
      event.preventDefault();
      mark((marked + step + found.length) % found.length);
    } else if (event.key === "Enter" && marked >= 0 && !results.hidden) choose(marked);
    else if (event.key === "Escape") close();
  });

  document.addEventListener("click", (event) => {
    const gene = event.target.closest("button.gene");
    const group = event.target.closest("button.group");
    if (gene) keepAndGo(Number(gene.dataset.gene));
    if (!group) return;
    const number = Number(group.dataset.group);
    state.group = state.group === number ? -1 : number;
    for (const one of document.querySelectorAll("button.group")) {
      one.setAttribute("aria-pressed", String(Number(one.dataset.group) === state.group));
    }
    drawPlane();
    if (state.group >= 0 && plane) plane.scrollIntoView({ block: "center" });
  });

  if (sprite.complete) drawTiles();
  else sprite.addEventListener("load", drawTiles);
})();
