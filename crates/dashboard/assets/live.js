// Keeps the box of running runs up to date. Without it, the page shows what was true when it was loaded.
"use strict";
(function () {
  const box = document.getElementById("live");
  if (!box || !window.EventSource) return;
  const number = new Intl.NumberFormat("en-US");
  let working = box.dataset.runs !== "0";
  function line(run) {
    const row = document.createElement("p");
    const link = document.createElement("a");
    link.href = "/runs/" + encodeURIComponent(run.run_id);
    link.textContent = run.command + " of " + run.environment;
    const bar = document.createElement("progress");
    bar.max = Math.max(run.rows_estimate, run.rows, 1);
    bar.value = run.rows;
    bar.setAttribute("aria-label", "rows so far");
    const text = document.createElement("span");
    text.textContent = " " + run.step + (run.table ? " " + run.table : "") + ": " +
      number.format(run.tables_done) + " of " + number.format(run.tables) + " tables, " +
      number.format(run.rows) + " rows";
    row.append(link, " ", bar, text);
    return row;
  }
  const events = new EventSource("/live");
  events.addEventListener("runs", function (event) {
    const runs = JSON.parse(event.data);
    if (working && runs.length === 0) {
      // The run is over: the whole page has something new to say.
      events.close();
      window.location.reload();
      return;
    }
    working = runs.length > 0;
    box.hidden = !working;
    const title = document.createElement("h2");
    title.textContent = "At work now";
    box.replaceChildren(title, ...runs.map(line));
  });
}());
