// Starts telegram-test-api and repairs it in front: node telegram_launcher.js NODE_MODULES PORT TOKEN USERNAME
//
// The package keeps what the bot sent (message ids, edits). In front of it: its messages made right for current clients
// (`from.is_bot`, dates in seconds, a chat with a type), real getUpdates and webhooks (telegram_queue.js), the methods
// it lacks, Telegram's own refusals of what is too long, and faults on demand. `/_control/...` is for the test.
'use strict';

const { createRequire } = require('node:module');
const path = require('node:path');
const { UpdateQueue } = require('./telegram_queue.js');

const [modules, port, TOKEN, USERNAME] = process.argv.slice(2);
const from = createRequire(path.join(modules, 'telegram-test-api', 'package.json'));
const express = from('express');
const { TelegramServer } = from('./lib/telegramServer.js');

const BOT = { id: Number(TOKEN.split(':')[0]), is_bot: true, first_name: 'PHMS', username: USERNAME };
const ABLE = { can_join_groups: true, can_read_all_group_messages: false, supports_inline_queries: false };
const JUST_TRUE = new Set(['sendChatAction', 'setMyCommands', 'deleteMyCommands', 'setChatMenuButton', 'setMyName',
  'setMyDescription', 'setMyShortDescription', 'leaveChat', 'deleteMessage', 'pinChatMessage']);
const PIXEL = Buffer.from('/9j/4AAQSkZJRgABAQEAAAAAAAD/2Q==', 'base64');

const server = new TelegramServer({ port: Number(port), host: '127.0.0.1', storeTimeout: 1000000 });
server.updateId = 700000001;
const queue = new UpdateQueue();
const calls = [];          // what the bot asked
const faults = [];
const blocked = new Set();
const callbacks = new Set();
const files = new Map();
const messages = new Map(); // what the bot sent, as Telegram shows it
let commands = [];

class Refused extends Error {
  constructor(code, description, parameters) { super(description); Object.assign(this, { code, parameters }); }
}
const bad = (what) => new Refused(400, `Bad Request: ${what}`);
const list = (value) => (typeof value === 'string' ? JSON.parse(value || '[]') : value || []);
const chatOf = (id) => (id < 0 ? { id, type: 'supergroup', title: 'Group' } : { id, type: 'private', first_name: 'User' });

function checkText(text, limit, empty, long) {
  if (!text && empty) throw bad(empty);
  if ([...(text || '')].length > limit) throw bad(long);
}

function checkButtons(markup) {
  for (const row of (markup && markup.inline_keyboard) || []) {
    for (const button of row) {
      if (Buffer.byteLength(button.callback_data || '') > 64) throw bad('BUTTON_DATA_INVALID');
    }
  }
}

function sent(body, extra) {
  TelegramServer.normalizeMessage(body);
  checkButtons(body.reply_markup);
  if (!body.chat_id) throw bad('chat_id is empty');
  if (blocked.has(Number(body.chat_id))) throw new Refused(403, 'Forbidden: bot was blocked by the user');
  const raw = server.addBotMessage({ ...body }, TOKEN); // the package's own
  const message = { message_id: raw.message_id, date: Math.floor(raw.date / 1000), from: BOT, chat: chatOf(Number(body.chat_id)) };
  if (raw.reply_markup) message.reply_markup = raw.reply_markup;
  Object.assign(message, extra);
  messages.set(`${message.chat.id}/${message.message_id}`, message);
  return message;
}

function edited(body, change) {
  TelegramServer.normalizeMessage(body);
  checkButtons(body.reply_markup);
  const message = messages.get(`${body.chat_id}/${body.message_id}`);
  if (!message) throw bad('message to edit not found');
  if ('text' in change) server.editMessageText(body);
  else server.editMessageReplyMarkup(body);
  const next = { ...message, ...change, edit_date: Math.floor(Date.now() / 1000) };
  if (body.reply_markup) next.reply_markup = body.reply_markup;
  else delete next.reply_markup;
  messages.set(`${body.chat_id}/${body.message_id}`, next);
  return next;
}

const METHODS = {
  getMe: () => ({ ...BOT, ...ABLE }),
  sendMessage: (body) => {
    checkText(body.text, 4096, 'message text is empty', 'message is too long');
    return sent(body, { text: body.text });
  },
  sendPhoto: (body) => {
    checkText(body.caption, 1024, '', 'message caption is too long');
    if (!body.photo) throw bad('there is no photo in the request');
    const id = typeof body.photo === 'string' ? body.photo : `photo-${files.size + 1}`;
    if (typeof body.photo !== 'string') files.set(id, body.photo);
    const photo = [{ file_id: id, file_unique_id: `u-${id}`, width: 800, height: 600 }];
    return sent({ ...body, photo: id }, { photo, ...(body.caption ? { caption: body.caption } : {}) });
  },
  editMessageText: (body) => {
    checkText(body.text, 4096, 'message text is empty', 'message is too long');
    return edited(body, { text: body.text });
  },
  editMessageCaption: (body) => edited(body, { caption: body.caption }),
  editMessageReplyMarkup: (body) => edited(body, {}),
  answerCallbackQuery: (body) => {
    if (callbacks.has(String(body.callback_query_id))) return true;
    throw bad('query is too old and response timeout expired or query ID is invalid');
  },
  setMyCommands: (body) => { commands = list(body.commands); return true; },
  getMyCommands: () => commands,
  setWebhook: (body) => {
    const hook = { url: body.url, secret_token: body.secret_token, allowed: list(body.allowed_updates) };
    if (String(body.drop_pending_updates) === 'true') queue.pending = [];
    queue.setHook(body.url ? hook : null);
    return true;
  },
  deleteWebhook: (body) => {
    if (String(body.drop_pending_updates) === 'true') queue.pending = [];
    queue.setHook(null);
    return true;
  },
  getWebhookInfo: () => queue.info(),
  getFile: (body) => ({ file_id: body.file_id, file_unique_id: `u-${body.file_id}`, file_path: `files/${body.file_id}` }),
};

const REFUSALS = {
  too_many: (fault) => new Refused(429, `Too Many Requests: retry after ${fault.retry_after}`, { retry_after: fault.retry_after }),
  forbidden: () => new Refused(403, 'Forbidden: bot was blocked by the user'),
  not_found: () => bad('chat not found'),
  broken: () => new Refused(500, 'Internal Server Error'),
};

function faultFor(method, body) {
  const fits = (one) => one.times > 0 && one.method === method && (one.chat_id === null || String(one.chat_id) === String(body.chat_id));
  const fault = faults.find(fits);
  if (fault) fault.times -= 1;
  return fault;
}

// PTB posts forms, and multipart where there is a file in them.
async function bodyOf(req) {
  if (!String(req.headers['content-type']).startsWith('multipart/')) return { ...req.query, ...req.body };
  const parts = [];
  for await (const part of req) parts.push(part);
  const form = await new Response(Buffer.concat(parts), { headers: { 'content-type': req.headers['content-type'] } }).formData();
  const body = {};
  for (const [name, value] of form) body[name] = typeof value === 'string' ? value : Buffer.from(await value.arrayBuffer());
  for (const [name, value] of Object.entries(body)) {
    if (typeof value === 'string' && value.startsWith('attach://')) body[name] = body[value.slice(9)];
  }
  return body;
}

const front = express();
front.use(express.json({ limit: '50mb' }), express.urlencoded({ extended: true, limit: '50mb' }));

front.all('/bot:token/:method', async (req, res, next) => {
  const { method } = req.params;
  const refuse = (error) => {
    const answer = { ok: false, error_code: error.code, description: error.message };
    if (error.parameters) answer.parameters = error.parameters;
    res.status(error.code).json(answer);
  };
  if (req.params.token !== TOKEN) return refuse(new Refused(401, 'Unauthorized'));
  const body = await bodyOf(req);
  if (method === 'getUpdates') {
    const asked = { offset: Number(body.offset || 0), limit: Number(body.limit || 100), timeout: Number(body.timeout || 0), allowed: list(body.allowed_updates) };
    return queue.getUpdates(asked, (outcome) => (outcome.result ? res.json({ ok: true, result: outcome.result })
      : refuse(new Refused(outcome.error_code, outcome.description))), res);
  }
  if (!METHODS[method] && !JUST_TRUE.has(method)) return next(); // the package says that it does not know it
  const fault = faultFor(method, body);
  const params = Object.fromEntries(Object.entries(body).map(([name, value]) => [name, Buffer.isBuffer(value) ? `<${value.length} bytes>` : value]));
  const call = { method, params, ok: false, fault: fault ? fault.kind : null, result: null, error: null };
  calls.push(call);
  if (fault && fault.kind === 'hangs') return undefined;
  if (fault && fault.kind === 'drops' && !fault.after) return req.socket.destroy();
  try {
    if (fault && REFUSALS[fault.kind]) throw REFUSALS[fault.kind](fault);
    call.result = METHODS[method] ? METHODS[method](body) : true;
    call.ok = true;
    if (fault && fault.kind === 'drops') return req.socket.destroy();
    return res.json({ ok: true, result: call.result });
  } catch (error) {
    call.error = error.message;
    return refuse(error instanceof Refused ? error : new Refused(500, `Internal Server Error: ${error.message}`));
  }
});

front.get('/file/bot:token/files/:id', (req, res) => res.type('image/jpeg').send(files.get(req.params.id) || PIXEL));

// --- for the test

// People's acts happen now unless the test dates them.
function dated(update) {
  const now = Math.floor(Date.now() / 1000);
  const parts = [update.message, update.edited_message, update.my_chat_member, (update.callback_query || {}).message];
  for (const part of parts) if (part && part.date === undefined) part.date = now;
  const changed = update.edited_message;
  if (changed && !changed.edit_date) changed.edit_date = now;
}

front.post('/_control/update', (req, res) => {
  const update = req.body;
  if (!update.update_id) { update.update_id = server.updateId; server.updateId += 1; }
  dated(update);
  const message = update.message;
  if (message && !message.message_id) { message.message_id = server.messageId; server.messageId += 1; }
  if (update.callback_query) {
    const known = messages.get(`${update.callback_query.message.chat.id}/${update.callback_query.message.message_id}`);
    if (known) update.callback_query.message = known;
    callbacks.add(update.callback_query.id);
  }
  const member = update.my_chat_member;
  if (member) blocked[member.new_chat_member.status === 'kicked' ? 'add' : 'delete'](member.chat.id);
  queue.add(update);
  res.json(update);
});
front.post('/_control/again', (req, res) => res.json(queue.again(req.body.update_id)));
front.post('/_control/fault', (req, res) => { faults.push(req.body); res.json(true); });
front.post('/_control/clear', (_req, res) => { faults.length = 0; res.json(true); });
front.post('/_control/parallel', (req, res) => { queue.parallel = req.body.parallel; queue.push(); res.json(true); });
front.get('/_control/calls', (_req, res) => res.json(calls));
front.get('/_control/state', (_req, res) => res.json({
  pending: queue.pending.map(({ update }) => update.update_id),
  pushed: queue.pushed,
  polling: Boolean(queue.poll),
  webhook: { ...queue.info(), secret_token: (queue.hook || {}).secret_token || null },
}));
front.get('/_control/file/:id', (req, res) => (files.has(req.params.id) ? res.type('bin').send(files.get(req.params.id)) : res.sendStatus(404)));

front.use(server.webServer);
server.webServer = front;
server.start();
