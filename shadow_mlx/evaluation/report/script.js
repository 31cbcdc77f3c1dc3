"use strict";
// Filters over the examples; without this script all of them are simply shown.
const one = (id) => document.getElementById(id);
const examples = [...document.querySelectorAll(".example")];
const [show, first, second, words] = ["show", "first", "second", "words"].map(one);

// `before` and `now` are the letters of the two chosen models: 1 right, 0 wrong, - not answered.
const belongs = {
  "all": () => true,
  "fixed": (before, now) => before === "0" && now === "1",
  "regressed": (before, now) => before === "1" && now === "0",
  "wrong": (before, now) => now === "0",
  "right": (before, now) => now === "1",
  "all-wrong": (before, now, all) => !all.includes("1") && all.includes("0"),
  "mixed": (before, now, all) => all.includes("0") && all.includes("1"),
};

const texts = new Map();
function said(example) {
  if (!texts.has(example)) {
    const parts = [...example.querySelectorAll("dd")].map((part) =>
      [...part.childNodes].filter((node) => node.nodeName !== "DEL")
        .map((node) => node.textContent).join(""));
    texts.set(example, parts.join("\n").toLowerCase());
  }
  return texts.get(example);
}

function filter() {
  const wanted = words.value.trim().toLowerCase();
  let count = 0;
  for (const example of examples) {
    const all = example.dataset.right;
    const chosen = belongs[show.value](all[first.value], all[second.value], all)
      && (!wanted || said(example).includes(wanted));
    example.hidden = !chosen;
    count += chosen;
  }
  one("count").textContent = `${count} of ${examples.length}`;
}

for (const control of [show, first, second, words]) control.addEventListener("input", filter);
for (const link of document.querySelectorAll("a[data-show]")) {
  link.addEventListener("click", () => {
    show.value = link.dataset.show;
    first.value = link.dataset.first;
    second.value = link.dataset.second;
    filter();
  });
}
one("open").addEventListener("click", () => {
  const visible = examples.filter((example) => !example.hidden);
  const open = visible.some((example) => !example.open);
  for (const example of visible) example.open = open;
  one("open").textContent = open ? "Close all" : "Open all";
});
one("filters").hidden = false;
filter();
