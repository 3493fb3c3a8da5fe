// Quiz: pick an answer, check it, read why. See quiz.py.

/** Split text at backquotes into [{ text, code }]; an odd backquote stays text. */
export function pieces(text) {
  const parts = text.split("`");
  if (parts.length % 2 === 0) {
    const last = parts.pop();
    parts[parts.length - 1] += "`" + last;
  }
  return parts
    .map((part, i) => ({ text: part, code: i % 2 === 1 }))
    .filter((part) => part.text !== "");
}

/** What the reader is told about one answer (picked: index, or -1 for none). */
export function verdict(question, picked) {
  const option = question.options[picked];
  if (!option) return { state: "none", text: "Pick an answer first." };
  return option.correct
    ? { state: "right", text: `Right. ${option.why}` }
    : { state: "wrong", text: `Not quite. ${option.why}` };
}

/** How many of the checked answers are right. */
export function score(questions, answers) {
  return questions.filter((q, i) => q.options[answers[i]]?.correct).length;
}

function write(element, text) {
  element.replaceChildren(
    ...pieces(text).map(({ text: part, code }) => {
      if (!code) return document.createTextNode(part);
      const tag = document.createElement("code");
      tag.textContent = part;
      return tag;
    }),
  );
}

let views = 0; // makes the names of radio groups unique on a page

function render({ model, el }) {
  const view = ++views;
  const questions = model.get("questions");
  const root = document.createElement("div");
  root.className = "cnn-quiz";
  root.setAttribute("role", "group");
  root.setAttribute("aria-label", model.get("alt"));

  const blocks = questions.map((question, q) => {
    const form = document.createElement("form");
    const set = document.createElement("fieldset");
    const legend = document.createElement("legend");
    write(legend, `${q + 1}. ${question.question}`);
    set.append(legend);
    const radios = question.options.map((option, o) => {
      const label = document.createElement("label");
      const radio = document.createElement("input");
      radio.type = "radio";
      radio.name = `cnn-quiz-${view}-${q}`;
      radio.value = String(o);
      const text = document.createElement("span");
      write(text, option.text);
      label.append(radio, text);
      set.append(label);
      return radio;
    });
    const button = document.createElement("button");
    button.type = "submit";
    button.textContent = "Check";
    button.setAttribute("aria-label", `Check answer ${q + 1}`);
    const note = document.createElement("p");
    note.className = "cnn-quiz-note";
    note.setAttribute("role", "status");
    form.append(set, button, note);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const picked = radios.findIndex((radio) => radio.checked);
      if (picked < 0) {
        show(note, verdict(question, picked));
        return;
      }
      const answers = [...model.get("answers")];
      answers[q] = picked;
      model.set("answers", answers);
      model.save_changes();
      draw();
    });
    // a new pick takes the old verdict away, so that none stands beside another answer
    set.addEventListener("change", () => {
      if (radios.findIndex((radio) => radio.checked) !== model.get("answers")[q])
        show(note, { state: "none", text: "" });
      else draw();
    });
    root.append(form);
    return { radios, note };
  });

  const foot = document.createElement("div");
  foot.className = "cnn-quiz-foot";
  const total = document.createElement("p");
  total.setAttribute("role", "status");
  const reset = document.createElement("button");
  reset.type = "button";
  reset.textContent = "Reset";
  reset.addEventListener("click", () => {
    model.set("answers", questions.map(() => -1));
    model.save_changes();
    for (const { radios } of blocks) for (const r of radios) r.checked = false;
    draw();
  });
  foot.append(total, reset);
  root.append(foot);

  function show(note, { state, text }) {
    note.dataset.state = state;
    write(note, text);
  }

  function draw() {
    const answers = model.get("answers");
    blocks.forEach(({ radios, note }, q) => {
      const picked = answers[q];
      if (picked >= 0) {
        radios[picked].checked = true;
        show(note, verdict(questions[q], picked));
      } else show(note, { state: "none", text: "" });
    });
    total.textContent = `${score(questions, answers)} of ${questions.length} right`;
  }

  // JupyterLab takes arrow keys from what has the focus, unless it says this itself
  for (const node of root.querySelectorAll("input, button"))
    node.dataset.lmSuppressShortcuts = "true";
  draw();
  model.on("change:answers", draw);
  el.append(root);
  return () => {
    model.off("change:answers", draw);
    root.remove();
  };
}

export default { render };
