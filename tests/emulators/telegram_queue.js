// Updates that wait for a bot: given out by getUpdates with a real offset and long poll, or pushed to its webhook.
'use strict';

const TERMINATED = 'Conflict: terminated by other getUpdates request; make sure that only one bot instance is running';
const ACTIVE = "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first";
const PUSH_TIMEOUT_MS = 10000;
const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 2000;

class UpdateQueue {
  constructor() {
    this.pending = [];    // {update, tries, notBefore, pushing}
    this.history = new Map();
    this.poll = null;     // the one getUpdates that waits
    this.hook = null;     // {url, secret_token, ...}
    this.pushed = [];     // {update_id, status}
    this.parallel = 1;
    this.lastError = null;
  }

  add(update) {
    this.history.set(update.update_id, update);
    this.pending.push({ update, tries: 0, notBefore: 0, pushing: false });
    this.wake();
  }

  again(updateId) {
    const update = this.history.get(updateId);
    if (update) this.add(update);
    return Boolean(update);
  }

  wake() {
    if (this.poll) this.poll.look();
    this.push();
  }

  // --- getUpdates

  getUpdates({ offset, limit, timeout, allowed }, answer, request) {
    if (this.hook) return answer({ error_code: 409, description: ACTIVE });
    if (this.poll) this.poll.end({ error_code: 409, description: TERMINATED });
    if (offset > 0) this.pending = this.pending.filter(({ update }) => update.update_id >= offset);
    if (offset < 0) this.pending = this.pending.slice(offset);
    const found = () => this.pending.map((one) => one.update).filter((update) => wanted(update, allowed)).slice(0, limit);
    if (found().length || !timeout) return answer({ result: found() });
    const poll = {
      end: (outcome) => {
        clearTimeout(clock);
        if (this.poll === poll) this.poll = null;
        if (outcome) answer(outcome);
      },
      look: () => { if (found().length) poll.end({ result: found() }); },
    };
    const clock = setTimeout(() => poll.end({ result: [] }), timeout * 1000);
    request.on('close', () => poll.end(null));
    this.poll = poll;
    return undefined;
  }

  // --- webhook

  setHook(hook) {
    this.hook = hook;
    if (hook && this.poll) this.poll.end({ error_code: 409, description: TERMINATED });
    this.lastError = null;
    this.push();
  }

  info() {
    const info = { url: this.hook ? this.hook.url : '', has_custom_certificate: false, pending_update_count: this.pending.length };
    return Object.assign(info, this.lastError || {});
  }

  push() {
    if (!this.hook) return;
    this.pending = this.pending.filter(({ update }) => wanted(update, this.hook.allowed));
    for (const one of this.pending) {
      if (this.pending.filter(({ pushing }) => pushing).length >= this.parallel) return;
      if (one.pushing) continue;
      if (one.notBefore <= Date.now()) this.send(one);
      else if (this.parallel === 1) return; // the first blocks those after it: order is kept
    }
  }

  async send(one) {
    const { hook } = this;
    one.pushing = true;
    const headers = { 'Content-Type': 'application/json' };
    if (hook.secret_token) headers['X-Telegram-Bot-Api-Secret-Token'] = hook.secret_token;
    let status = 0;
    let trouble = '';
    try {
      const answer = await fetch(hook.url, {
        method: 'POST', headers, body: JSON.stringify(one.update), signal: AbortSignal.timeout(PUSH_TIMEOUT_MS),
      });
      status = answer.status;
      await answer.arrayBuffer();
    } catch (error) {
      trouble = String(error.cause || error);
    }
    one.pushing = false;
    this.pushed.push({ update_id: one.update.update_id, status });
    if (status >= 200 && status < 300) {
      this.pending = this.pending.filter((other) => other !== one);
    } else {
      const wait = Math.min(FIRST_RETRY_MS * 2 ** one.tries, LAST_RETRY_MS);
      one.tries += 1;
      one.notBefore = Date.now() + wait;
      const said = status ? `Wrong response from the webhook: ${status}` : trouble;
      this.lastError = { last_error_date: Math.floor(Date.now() / 1000), last_error_message: said };
      setTimeout(() => this.push(), wait + 1);
    }
    this.push();
  }
}

function wanted(update, allowed) {
  if (!allowed || !allowed.length) return !('chat_member' in update);
  return allowed.some((kind) => kind in update);
}

module.exports = { UpdateQueue };
