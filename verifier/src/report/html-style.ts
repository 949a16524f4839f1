/** The page's one style sheet: light and dark, and A4 paper. Colours have a contrast of 4.5 and more on their ground. */
export const style = `
:root { color-scheme: light dark; --ground: #fff; --text: #1b1f24; --faint: #57606a; --line: #d0d7de; --panel: #f6f8fa;
  --good: #116329; --good-ground: #dafbe1; --bad: #a40e26; --bad-ground: #ffebe9; --open: #7d4e00; --open-ground: #fff8c5; --link: #0550ae; }
@media (prefers-color-scheme: dark) { :root { --ground: #0d1117; --text: #e6edf3; --faint: #9da7b3; --line: #30363d; --panel: #161b22;
  --good: #56d364; --good-ground: #12261e; --bad: #ff8182; --bad-ground: #2d1518; --open: #e3b341; --open-ground: #2b2111; --link: #79c0ff; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem; max-width: 68rem; background: var(--ground); color: var(--text);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; overflow-wrap: anywhere; }
h1, h2, h3 { line-height: 1.25; }
h1 { margin: 0; font-size: 1.1rem; font-weight: 600; color: var(--faint); }
h2 { margin: 2rem 0 .75rem; padding-bottom: .3rem; border-bottom: 1px solid var(--line); font-size: 1.25rem; }
h3 { margin: 0; font-size: 1rem; }
p { margin: .4rem 0; }
a { color: var(--link); }
code, pre { font: .875em/1.45 ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
pre { margin: .4rem 0; padding: .6rem .75rem; background: var(--panel); border: 1px solid var(--line); border-radius: 6px; white-space: pre-wrap; }
ul { margin: .4rem 0; padding-left: 1.3rem; }
dl { display: grid; grid-template-columns: minmax(7rem, max-content) 1fr; gap: .2rem 1rem; margin: .5rem 0; }
dt { color: var(--faint); }
dd { margin: 0; min-width: 0; }
.verdict { margin: 1rem 0; padding: 1rem 1.25rem; border: 1px solid; border-left-width: .5rem; border-radius: 8px; }
.verdict .title { display: flex; gap: .6rem; align-items: baseline; margin: 0; font-size: 1.7rem; font-weight: 700; }
.verdict p { color: var(--text); }
.good { color: var(--good); border-color: var(--good); background: var(--good-ground); }
.bad { color: var(--bad); border-color: var(--bad); background: var(--bad-ground); }
.open { color: var(--open); border-color: var(--open); background: var(--open-ground); }
.columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(18rem, 1fr)); gap: 0 2rem; }
.columns h3 { margin-top: .75rem; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .75rem; margin: 1rem 0; padding: 0; list-style: none; }
.figures li { padding: .6rem .8rem; background: var(--panel); border: 1px solid var(--line); border-radius: 8px; color: var(--faint); font-size: .875rem; }
.figures strong { display: block; color: var(--text); font-size: 1.35rem; font-variant-numeric: tabular-nums; }
.scroll { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; font-size: .9rem; }
th, td { padding: .35rem .6rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; overflow-wrap: normal; }
td code, th[scope="row"] { overflow-wrap: anywhere; }
td.code { white-space: nowrap; }
th[scope="row"] { min-width: 6rem; color: var(--text); }
th { color: var(--faint); font-weight: 600; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.finding { margin: .75rem 0; padding: .75rem 1rem; border: 1px solid var(--line); border-left: .35rem solid var(--line); border-radius: 8px; }
.finding.fails { border-left-color: var(--bad); }
.finding.open-ended { border-left-color: var(--open); }
.finding header { display: flex; flex-wrap: wrap; gap: .25rem .75rem; align-items: center; }
.finding .where { color: var(--faint); }
.tag { padding: 0 .5rem; border: 1px solid; border-radius: 1rem; font-size: .8rem; font-weight: 600; white-space: nowrap; }
.tag.plain { color: var(--faint); background: var(--panel); border-color: var(--line); }
.acknowledged { margin: .5rem 0; padding: .4rem .75rem; background: var(--panel); border-radius: 6px; }
footer { margin-top: 2rem; padding-top: .75rem; border-top: 1px solid var(--line); color: var(--faint); font-size: .85rem; }
@media screen and (max-width: 600px) { .stacked thead { display: none; }
  .stacked, .stacked tbody, .stacked tr, .stacked td { display: block; }
  .stacked tr { padding: .5rem 0; border-bottom: 1px solid var(--line); }
  .stacked td { padding: .1rem 0; border: 0; text-align: left; white-space: normal; overflow-wrap: anywhere; }
  .stacked td[data-name]::before { content: attr(data-name) ": "; color: var(--faint); } }
@page { size: A4; margin: 16mm 14mm; }
@media print { :root { color-scheme: light; --ground: #fff; --text: #000; --faint: #444; --line: #bbb; --panel: #f4f4f4; --good: #116329;
    --good-ground: #fff; --bad: #a40e26; --bad-ground: #fff; --open: #7d4e00; --open-ground: #fff; --link: #000; }
  body { max-width: none; padding: 0; font-size: 10pt; }
  table { font-size: 8.5pt; }
  th, td { padding: .25rem .4rem; }
  h2, h3, header { break-after: avoid; }
  tr, .verdict, .figures li { break-inside: avoid; }
  thead { display: table-header-group; }
  .scroll { overflow: visible; } }
`;
