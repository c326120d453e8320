"""The style sheet of a report: light and dark, wide and narrow."""

STYLE = """
:root {
  --paper: #ffffff; --ink: #1f2328; --quiet: #59636e; --grid: #d8dee4; --panel: #f6f8fa;
  --rows: #8c959f; --picks: #0b62c4; --random: #c2620a;
  --order1: #b5179e; --order2: #7b2cbf; --order3: #3a5bd9; --order4: #0f8aa8; --order5: #2a9d5c;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #0f1319; --ink: #e3e8ee; --quiet: #9aa5b1; --grid: #313a45; --panel: #171d26;
    --rows: #6b7683; --picks: #5aa9ff; --random: #f0994a;
    --order1: #ff6ad5; --order2: #b98cff; --order3: #7b9bff; --order4: #3fc1e0; --order5: #55d08b;
  }
}
* { box-sizing: border-box; }
html { color-scheme: light dark; -webkit-text-size-adjust: 100%; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
}
main { max-width: 1040px; margin: 0 auto; padding: 40px 24px 64px; }
header { margin-bottom: 32px; }
h1, h2, h3, p, figure { margin: 0; overflow-wrap: anywhere; }
h1 { font-size: 1.9rem; line-height: 1.2; font-weight: 650; letter-spacing: -0.01em; }
h2 { font-size: 1.25rem; font-weight: 650; margin-bottom: 8px; }
h3 { font-size: 1rem; font-weight: 650; margin: 28px 0 4px; }
h2 + h3 { margin-top: 0; }
header p, section > p { color: var(--quiet); max-width: 70ch; }
header p { margin-top: 8px; }
section { border-top: 1px solid var(--grid); padding: 28px 0; }
section > p { margin-bottom: 16px; }
footer { color: var(--quiet); border-top: 1px solid var(--grid); padding-top: 16px;
  font-size: 0.875rem; }
sub { line-height: 0; }
.figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 420px), 1fr));
  gap: 32px 40px; margin-top: 24px; }
.map { max-width: 600px; }
svg { display: block; width: 100%; height: auto; }
svg * { stroke-linejoin: round; stroke-linecap: butt; }
svg text { font-family: inherit !important; }
figcaption { color: var(--quiet); font-size: 0.875rem; margin-top: 4px; }
.legend { display: flex; flex-wrap: wrap; gap: 2px 16px; margin-top: 4px; color: var(--ink); }
.key { display: inline-flex; align-items: baseline; gap: 6px; }
.key i { width: 10px; height: 10px; border-radius: 50%; flex: none; }
table { border-collapse: collapse; width: 100%; font-size: 0.9375rem; }
th, td { padding: 8px 0 8px 20px; text-align: right; vertical-align: top; font-weight: 400; }
th:first-child { padding-left: 0; text-align: left; }
thead th { color: var(--quiet); font-size: 0.8125rem; padding-bottom: 4px; vertical-align: bottom; }
tbody tr { border-top: 1px solid var(--grid); }
td, data { font-variant-numeric: tabular-nums; }
td { white-space: nowrap; }
.pairs thead th { text-align: left; }
.pairs td { white-space: normal; text-align: left; width: 100%; }
#facts { width: auto; }
#facts td { white-space: normal; text-align: left; overflow-wrap: anywhere; }
#facts th { color: var(--quiet); }
.row { color: var(--quiet); font-size: 0.8125rem; }
.text + .row, .row + .row { margin-top: 6px; }
@media (max-width: 640px) {
  main { padding: 24px 16px 48px; }
  h1 { font-size: 1.5rem; }
  section { padding: 24px 0; }
  .stacked thead { display: none; }
  .stacked tr { display: flex; flex-wrap: wrap; gap: 2px 14px; padding: 8px 0; }
  .stacked th { flex: 0 0 100%; padding: 0; }
  .stacked td { padding: 0; text-align: left; }
  .stacked td::before { content: attr(data-name); display: block; color: var(--quiet);
    font-size: 0.75rem; }
}
"""
