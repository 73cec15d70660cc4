// Counts SMS segments with Twilio's calculator: node segments.js NODE_MODULES, a JSON array of texts on standard input.
'use strict';

const path = require('node:path');
const { SegmentedMessage } = require(path.join(process.argv[2], 'sms-segments-calculator'));

const texts = JSON.parse(require('node:fs').readFileSync(0, 'utf8'));
const counted = texts.map((text) => {
  const message = new SegmentedMessage(text, 'auto', false); // false: curly quotes count as they are
  return { encoding: message.encodingName, segments: message.segmentsCount };
});
process.stdout.write(JSON.stringify(counted));
