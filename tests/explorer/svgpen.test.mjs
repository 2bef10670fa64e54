// The pen that draws heat maps into the text of an SVG, run by `node --test` (test_components.py calls it).

import assert from "node:assert/strict";
import test from "node:test";

import { escaped, SvgPen } from "../../apps/bitlens_explorer/ui/components/shared/svgpen.mjs";

const pen = () => new SvgPen(200, 100, (text) => ({ width: 7 * text.length }));

test("text stays text", () => {
  assert.equal(escaped('<b a="1">&'), "&lt;b a=&quot;1&quot;&gt;&amp;");
  const drawn = pen();
  drawn.fillStyle = "#123456";
  drawn.textAlign = "right";
  drawn.fillText("<script>", 10.00049, 20);
  assert.equal(drawn.parts[0], '<text x="10" y="20" text-anchor="end" fill="#123456">&lt;script&gt;</text>');
});

test("text that is too long is fitted, other text is not", () => {
  const drawn = pen();
  drawn.fillText("four", 0, 0, 28);
  drawn.fillText("longer", 0, 0, 28);
  assert.deepEqual(drawn.parts.map((part) => part.includes('textLength="28"')), [false, true]);
});

test("what is restored is as it was saved, and every group is closed", () => {
  const drawn = pen();
  drawn.save();
  drawn.globalAlpha = 0.3;
  drawn.translate(1, 2);
  drawn.rotate(-Math.PI / 2);
  drawn.beginPath();
  drawn.rect(0, 0, 5, 5);
  drawn.clip();
  drawn.restore();
  assert.equal(drawn.globalAlpha, 1);
  const text = drawn.toString();
  assert.equal(text.split("<g ").length, text.split("</g>").length);
  assert.match(text, /translate\(1 2\).*rotate\(-90\).*<clipPath id="clip1"><path d="M0 0h5v5h-5z"\/>/s);
});

test("lines, boxes and pictures", () => {
  const drawn = pen();
  drawn.beginPath();
  drawn.moveTo(0, 1);
  drawn.lineTo(2.5, 3);
  drawn.stroke();
  drawn.strokeRect(1, 1, 2, 2);
  drawn.fillRect(0, 0, 4, 4);
  drawn.drawImage({ toDataURL: () => "data:image/png;base64,AA" }, 1, 2, 3, 4);
  assert.match(drawn.parts[0], /d="M0 1L2.5 3" fill="none" stroke="#000" stroke-width="1"/);
  assert.match(drawn.parts[1], /d="M1 1h2v2h-2z"/);
  assert.match(drawn.parts[3], /href="data:image\/png;base64,AA"/);
  assert.match(drawn.toString(), /^<svg xmlns="http:\/\/www.w3.org\/2000\/svg" width="200" height="100" viewBox="0 0 200 100" font-size="13px"/);
});
