/**
 * The style sheet of the report: light and dark, phone to wide screen, paper. Imports nothing.
 *
 * Colours are from the Okabe-Ito set, which colour-blind readers can tell apart: blue is training, right, negative;
 * vermilion is held-out, wrong, positive.
 */

const LIGHT = `
color-scheme:light dark;
--page:#fafaf8;--surface:#fff;--ink:#1a1f26;--muted:#5c6672;--line:#e2e4e8;--grid:#e9ebee;--well:#f2f3f4;
--train:#0072b2;--held-out:#d55e00;--right:#0072b2;--wrong:#b84f00;--right-ink:#005f95;--wrong-ink:#a84800;
--badge:#e3f1ec;--badge-ink:#00583f;--warn:#fdf1dc;--warn-ink:#7a4a00;--warn-line:#e69f00;
--phase-0:#999fa8;--phase-1:#e69f00;--phase-2:#0072b2;--phase-3:#d55e00;--phase-4:#009e73;--phase-5:#cc79a7;--phase-6:#56b4e9;
--negative:0 114 178;--positive:213 94 0;`;

const DARK = `
--page:#0f1317;--surface:#161b21;--ink:#e4e8ec;--muted:#98a3af;--line:#2a3139;--grid:#262d35;--well:#1c222a;
--train:#56b4e9;--held-out:#f0904e;--right:#0072b2;--wrong:#b84f00;--right-ink:#6fbff0;--wrong-ink:#f29a5c;
--badge:#12352b;--badge-ink:#7fdcbc;--warn:#33270f;--warn-ink:#f5cf86;--warn-line:#b98200;
--phase-0:#7d8692;--phase-2:#3c97d3;`;

const BASE = `
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",sans-serif;font-variant-numeric:tabular-nums}
.page{max-width:1180px;margin:0 auto;padding:clamp(20px,4vw,56px) clamp(16px,3vw,32px)}
h1{font-size:clamp(1.75rem,1.2rem + 2.2vw,2.6rem);line-height:1.12;letter-spacing:-.022em;font-weight:650;margin:.1em 0 .35em;text-wrap:balance;overflow-wrap:anywhere}
h2{font-size:1.35rem;line-height:1.25;letter-spacing:-.012em;font-weight:620;margin:0 0 .7rem}
h3,h2.small{font-size:.95rem;font-weight:620;margin:0 0 .4rem;letter-spacing:0}
p{margin:0 0 .9rem;max-width:72ch}
dl,dd,ul,ol,figure,pre{margin:0;padding:0}
ul,ol{list-style:none}
section{padding-top:1.9rem;margin-top:2.4rem;border-top:1px solid var(--line)}
.columns{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,380px),1fr));gap:1.5rem 2.5rem}
.columns>*{min-width:0}
.muted,.empty{color:var(--muted)}
.cap::first-letter{text-transform:uppercase}
.scroll{overflow-x:auto}
:focus-visible{outline:2px solid var(--train);outline-offset:3px}
.notice{background:var(--warn);color:var(--warn-ink);border-left:3px solid var(--warn-line);padding:.6rem .9rem;border-radius:0 6px 6px 0;max-width:none}
footer{margin-top:3rem;padding-top:1.2rem;border-top:1px solid var(--line);color:var(--muted);font-size:.875rem}`;

const HEADER = `
.eyebrow{color:var(--muted);font-size:.875rem;margin:0}
.meta{display:flex;flex-wrap:wrap;align-items:center;gap:.3rem .8rem;max-width:none;margin-bottom:1.2rem}
.meta time{color:var(--muted)}
.badge{background:var(--badge);color:var(--badge-ink);font-size:.8125rem;font-weight:620;padding:.12rem .6rem;border-radius:99px}
.badge.software{background:var(--warn);color:var(--warn-ink);box-shadow:inset 0 0 0 1px var(--warn-line)}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));background:var(--surface);border:1px solid var(--line);border-radius:12px;margin:1.4rem 0 1.8rem;padding:.4rem 0}
.figures>div{padding:.7rem 1.25rem}
.figures dt{color:var(--muted);font-size:.875rem;white-space:nowrap}
.figures dd{font-size:clamp(1.35rem,1.1rem + .9vw,1.8rem);font-weight:600;letter-spacing:-.02em;line-height:1.25;white-space:nowrap}
.figures>div:first-child dd{color:var(--right-ink)}
pre{background:var(--well);border-radius:8px;padding:.7rem .95rem;white-space:pre-wrap;overflow-wrap:anywhere;user-select:all}
code{font:.875rem/1.5 ui-monospace,"SF Mono",Menlo,Consolas,"Liberation Mono",monospace}
.settings{display:flex;flex-wrap:wrap;gap:.75rem 2.2rem;margin-top:1rem}
.settings dt{color:var(--muted);font-size:.8125rem}
.settings dd{font-weight:520;overflow-wrap:anywhere}`;

const CHARTS = `
.legend{display:flex;flex-wrap:wrap;gap:.15rem 1.1rem;color:var(--muted);font-size:.8125rem;margin-bottom:.4rem}
.legend li{display:flex;align-items:center;gap:.45rem}
.key{width:22px;height:10px;flex:none}
.chart svg.plot{display:block;width:100%;height:auto;overflow:visible;font:12px system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;color:var(--muted);--plot-background:var(--surface)}
.chart svg.plot text{white-space:pre}
.chart{container-type:inline-size}
.chart .narrow{display:none}
@container (max-width:460px){.chart .wide{display:none}.chart .narrow{display:block}}
#training .columns~*{margin-top:1.6rem}
.phase-bar{display:flex;height:26px;border-radius:6px;overflow:hidden;gap:2px;margin:.4rem 0 1.2rem}
.phase-bar i{min-width:2px}
.swatch{display:inline-block;width:.75em;height:.75em;border-radius:3px;margin-right:.55em}`;

const TABLES = `
table{border-collapse:collapse}
caption{text-align:left;max-width:calc(100vw - 32px);color:var(--muted);font-size:.875rem;padding-bottom:.5rem}
.data{width:100%;font-size:.9375rem}
.data th,.data td{padding:.36rem .9rem .36rem 0;text-align:right;font-weight:400;white-space:nowrap}
.data th:first-child,.data .text{text-align:left}
.data th:last-child,.data td:last-child{padding-right:0}
.data thead th{color:var(--muted);font-size:.8125rem;border-bottom:1px solid var(--line);vertical-align:bottom}
.data tbody tr+tr>*{border-top:1px solid var(--grid)}
.data tfoot>tr>*{border-top:1px solid var(--muted);font-weight:600}
.data .cap{text-transform:none}
#model h3{margin-top:1.7rem}
#time .data{max-width:520px}
@media(max-width:540px){.data{font-size:.8125rem}.data thead th{white-space:normal;font-size:.75rem;line-height:1.3}.data th,.data td{padding-right:.55rem}}
.uneven{grid-template-columns:minmax(0,2.1fr) minmax(max-content,1fr)}
@media(max-width:1000px){.uneven{grid-template-columns:minmax(0,1fr)}}
.matrix{table-layout:fixed;font-size:.875rem;border-collapse:separate;border-spacing:2px;width:100%}
.matrix th,.matrix td{text-align:center;font-weight:400;padding:.42rem .15rem;min-width:2.3em;border-radius:4px}
.matrix thead th,.matrix tbody th{font-weight:620}
.matrix .edge{color:var(--muted);font-size:.8125rem;font-weight:400}
.matrix tbody th,.matrix tfoot th{text-align:right;padding-right:.5rem;white-space:nowrap}
.matrix .name{width:5.2em}.matrix .total{width:3.6em}
.matrix .zero{color:var(--muted);opacity:.55}
.upright .name{width:7.5em}.upright tbody th{overflow:hidden;text-overflow:ellipsis}
.matrix .right{background:color-mix(in srgb,var(--right) var(--t),var(--surface));font-weight:600}
.matrix .wrong{background:color-mix(in srgb,var(--wrong) var(--t),var(--surface))}
.matrix .strong{color:#fff}
.upright thead th span{writing-mode:vertical-rl;transform:rotate(180deg);white-space:nowrap;max-height:9em;overflow:hidden;text-overflow:ellipsis}
.upright thead th{vertical-align:bottom}
#confusion .legend{margin-top:.7rem}
@media(max-width:540px){.matrix{font-size:.6875rem;border-spacing:1px}.matrix .edge{font-size:.625rem}.matrix .name{width:4.6em}.matrix .total{width:2.5em}.matrix .right{font-size:.625rem}.matrix.upright{min-width:430px}.upright .name{width:6.5em}.matrix th,.matrix td{padding:.4rem 0;min-width:2em;border-radius:2px}.matrix tbody th,.matrix tfoot th{padding-right:.25rem}}`;

const PICTURES = `
.ramp{display:inline-block;width:64px;height:10px;border-radius:3px;flex:none}
.ramp.right{background:linear-gradient(90deg,var(--surface),var(--right));box-shadow:inset 0 0 0 1px var(--line)}
.ramp.wrong{background:linear-gradient(90deg,var(--surface),var(--wrong));box-shadow:inset 0 0 0 1px var(--line)}
.ramp.diverging{width:min(220px,40vw);height:12px;background:linear-gradient(90deg,rgb(var(--negative)),rgb(var(--negative)/0) 50%,rgb(var(--positive)/0) 50%,rgb(var(--positive))),var(--surface)}
.scale{display:flex;align-items:center;gap:.6rem;font-size:.8125rem;color:var(--muted)}
.filters{display:grid;grid-template-columns:repeat(auto-fill,minmax(56px,1fr));gap:.8rem .7rem}
.channels-2{grid-template-columns:repeat(auto-fill,minmax(110px,1fr))}
.channels-3{grid-template-columns:repeat(auto-fill,minmax(150px,1fr))}
.filters li>div{display:flex;gap:2px;border:1px solid var(--line);background:var(--surface);border-radius:4px;overflow:hidden}
.filters img{flex:1;min-width:0;width:100%;height:auto;display:block;image-rendering:pixelated}
.filters span{display:block;text-align:center;color:var(--muted);font-size:.75rem;line-height:1.6}
.mistakes{display:grid;grid-template-columns:repeat(auto-fill,minmax(154px,1fr));gap:1.1rem}
.mistakes>li{background:var(--surface);border:1px solid var(--line);border-radius:10px;padding:.7rem;break-inside:avoid;min-width:0}
.mistakes img{display:block;width:100%;height:auto;border-radius:5px;image-rendering:pixelated}
.mistakes p{margin:.55rem 0 .35rem;font-size:.875rem;overflow-wrap:anywhere}
.mistakes p:not(.index){display:flex;flex-wrap:wrap;gap:0 .6em;color:var(--muted)}
.mistakes .true{color:var(--right-ink)}
.mistakes .predicted{color:var(--wrong-ink)}
.mistakes p.index{margin:.4rem 0 0;font-size:.75rem}
.bars li{display:grid;grid-template-columns:minmax(1em,max-content) 1fr 3.4em;gap:.4rem;align-items:center;font-size:.75rem;line-height:1.65}
.bars .name{overflow:hidden;text-overflow:ellipsis;white-space:nowrap;max-width:5.5em}
.bars span:last-child{text-align:right}
.bars i{height:7px;border-radius:2px;background:var(--well);overflow:hidden}
.bars b{display:block;height:100%;background:var(--muted)}
.bars .right b{background:var(--train)}
.bars .wrong b{background:var(--held-out)}`;

const PRINT = `
@media print{
@page{margin:14mm}
:root{--page:#fff}
body{font-size:9.5pt}.page{max-width:none;padding:0}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}
section{break-inside:avoid;margin-top:1.2rem;padding-top:1rem}#training,#mistakes{break-inside:auto}
h2,h3{break-after:avoid}figure,tr,#training .scroll{break-inside:avoid}#mistakes>p{break-after:avoid}tfoot{display:table-row-group}
.scroll{overflow:visible}pre{border:1px solid var(--line)}
.figures{grid-template-columns:repeat(5,auto)}.figures>div{padding:.4rem .8rem}.figures dd{font-size:1.15rem}
.columns{grid-template-columns:1fr 1fr}.columns.uneven{grid-template-columns:minmax(0,1fr)}
.chart .wide{display:none}.chart .narrow{display:block}
.matrix{font-size:.75rem;border-spacing:1px}.matrix .edge{font-size:.6875rem}.data,caption{font-size:.8125rem}.data th,.data td{padding-top:.2rem;padding-bottom:.2rem}
.mistakes{grid-template-columns:repeat(6,1fr);gap:.5rem}.mistakes>li{padding:.4rem}.bars li{grid-template-columns:minmax(1em,3.2em) 1fr 3.2em;gap:.2rem;font-size:.625rem}
.filters{grid-template-columns:repeat(16,1fr);gap:.4rem}.channels-2,.channels-3{grid-template-columns:repeat(8,1fr)}
}`;

/** The whole style sheet. */
export const STYLE = [
  `:root{${LIGHT}}`,
  `@media screen and (prefers-color-scheme:dark){:root{${DARK}}.matrix td{color:#fff}.matrix td.edge,.matrix td.zero{color:var(--muted)}}`,
  BASE,
  HEADER,
  CHARTS,
  TABLES,
  PICTURES,
  PRINT,
].join('\n');
