// Runs anywidget modules on a plain web page: no kernel, no server, no network.
//
// The page holds one JSON script (#cnn-widgets, written by widget_host.py) with the
// modules and the models, and one <div class="cnn-host" data-model> for each place where
// a model is shown. A module gets what the anywidget front-end module (AFM) interface
// promises: initialize({ model }) once a model, render({ model, el }) once a view.
// What is set in one view reaches the others; nothing is sent anywhere.
(() => {
  "use strict";
  if (window.cnnWidgetHost) return; // the page may include this script twice
  window.cnnWidgetHost = true;

  const bytes = (base64) =>
    new DataView(Uint8Array.from(atob(base64), (c) => c.charCodeAt(0)).buffer);

  // Put a buffer back at its path in the state, as Jupyter's protocol has it.
  function restore(state, buffers) {
    for (const { path, data } of buffers) {
      let place = state;
      for (const key of path.slice(0, -1)) place = place[key];
      place[path[path.length - 1]] = bytes(data);
    }
    return state;
  }

  function makeModel(state) {
    const listeners = new Map(); // event -> [callback]
    const call = (event, ...args) => {
      for (const fn of [...(listeners.get(event) ?? [])]) fn(...args);
    };
    const model = {
      get: (name) => state[name],
      set(name, value) {
        const values = typeof name === "string" ? { [name]: value } : name;
        const changed = Object.keys(values).filter((k) => state[k] !== values[k]);
        Object.assign(state, values);
        for (const key of changed) call(`change:${key}`, model, state[key]);
        if (changed.length) call("change", model);
      },
      on(events, fn) {
        for (const event of events.split(" "))
          listeners.set(event, [...(listeners.get(event) ?? []), fn]);
      },
      off(events, fn) {
        for (const event of events ? events.split(" ") : [...listeners.keys()]) {
          const rest = fn ? listeners.get(event)?.filter((f) => f !== fn) : [];
          listeners.set(event, rest ?? []);
        }
      },
      save_changes() {}, // no kernel to save to: the page is the only copy
      send() {}, // nobody listens
    };
    return model;
  }

  function style(css) {
    const element = document.createElement("style");
    element.textContent = css;
    document.head.append(element);
  }

  // What the reader sees when a figure cannot run: why, above its still picture.
  function explain(host, error) {
    console.warn("figure:", error);
    const note = document.createElement("p");
    note.className = "cnn-host-error";
    note.setAttribute("role", "alert");
    note.textContent =
      `This figure could not start (${error?.message ?? error}). ` +
      "Its still picture stands in; the rest of the page works.";
    host.prepend(note);
  }

  async function start() {
    const script = document.getElementById("cnn-widgets");
    if (!script) return;
    const { modules, models } = JSON.parse(script.textContent);

    // one promise a module and one a model, so that views share them
    const loaded = new Map();
    const load = (name) => {
      if (!loaded.has(name)) {
        const { esm, css } = modules[name];
        if (css) style(css);
        const url = URL.createObjectURL(
          new Blob([esm], { type: "text/javascript" }),
        );
        loaded.set(name, import(url).then(async ({ default: widget }) =>
          typeof widget === "function" ? widget() : widget));
      }
      return loaded.get(name);
    };
    const ready = new Map();
    const prepare = (id) => {
      if (!ready.has(id)) {
        ready.set(id, (async () => {
          const { module, state, buffers } = models[id];
          const widget = await load(module);
          const model = makeModel(restore(state, buffers));
          await widget.initialize?.({ model });
          return { widget, model };
        })());
      }
      return ready.get(id);
    };

    async function show(id, el) {
      if (models[id].children) {
        el.classList.add("cnn-box");
        if (models[id].row) el.classList.add("cnn-row");
        await Promise.all(models[id].children.map((child) => {
          const place = document.createElement("div");
          el.append(place);
          return show(child, place).catch((error) => explain(place, error));
        }));
        return;
      }
      const { widget, model } = await prepare(id);
      await widget.render?.({ model, el });
    }

    await Promise.all([...document.querySelectorAll(".cnn-host")].map(async (host) => {
      const live = document.createElement("div");
      live.className = "cnn-live";
      try {
        await show(host.dataset.model, live);
        host.querySelector(".cnn-still")?.remove();
        host.append(live);
        host.dataset.ready = "true";
      } catch (error) {
        explain(host, error);
        host.dataset.ready = "failed";
      }
    }));
    document.documentElement.dataset.cnnWidgets = "ready";
  }

  if (document.readyState === "loading")
    document.addEventListener("DOMContentLoaded", start);
  else start();
})();
