// Requests to the service, and its errors in words.

/** The service said no. */
export class Refused extends Error {
  constructor(status, message, requestId) {
    super(message);
    this.status = status;
    this.requestId = requestId;
  }
}

/** Nobody answered, or not the service. Whether a request was carried out is not known. */
export class Unreachable extends Error {}

export class Http {
  #session;
  #offset = 0;

  constructor(session) {
    this.#session = session;
  }

  /** The service's time in milliseconds, as far as its answers tell. */
  now() {
    return Date.now() + this.#offset;
  }

  /**
   * The answer's `data`.
   *
   * @param options body: sent as JSON; query: parameters; key: the Idempotency-Key; signal: an AbortSignal
   */
  async call(method, path, options = {}) {
    return (await this.page(method, path, options)).data;
  }

  /** The answer's `data`, and how long the whole list is where it is a part of one. */
  async page(method, path, { body, query, key, signal } = {}) {
    let token = this.#session.token;
    let answer = await this.#ask(method, path, token, body, query, key, signal);
    if (answer.status === 401 && token !== null && this.#session.token !== null && token !== this.#session.token) {
      // It was exchanged for another one meanwhile; a refused token did nothing.
      token = this.#session.token;
      answer = await this.#ask(method, path, token, body, query, key, signal);
    }
    const content = await parsed(answer);
    if (answer.ok && content?.success) {
      return { data: content.data, total: Number(answer.headers.get("X-Total-Count") ?? NaN) };
    }
    const message = content?.error ?? `the service answered ${answer.status}`;
    if (answer.status === 401 && token !== null && token === this.#session.token) {
      this.#session.end("Your login has expired or was ended. Log in again.");
    }
    if (content === null && answer.status >= 500) throw new Unreachable(message);
    throw new Refused(answer.status, message, content?.request_id);
  }

  async #ask(method, path, token, body, query, key, signal) {
    const url = new URL(path, document.baseURI);
    for (const [name, value] of Object.entries(query ?? {})) {
      if (value !== undefined && value !== null && value !== "") url.searchParams.set(name, value);
    }
    const headers = { Accept: "application/json" };
    if (token !== null) headers.Authorization = `Bearer ${token}`;
    if (key !== undefined) headers["Idempotency-Key"] = key;
    if (body !== undefined) headers["Content-Type"] = "application/json";
    try {
      const content = body === undefined ? undefined : JSON.stringify(body);
      const answer = await fetch(url, { method, headers, body: content, signal, cache: "no-store" });
      const said = Date.parse(answer.headers.get("Date") ?? "");
      if (!Number.isNaN(said)) this.#offset = said - Date.now();
      return answer;
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Unreachable("The service does not answer.");
    }
  }
}

/** A key under which a request may be sent again without being done twice. */
export const newKey = () => [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");

/** An error as a person should read it. */
export function inWords(error) {
  if (error instanceof Refused) {
    const text = error.message.charAt(0).toUpperCase() + error.message.slice(1);
    return error.status >= 500 && error.requestId ? `${text} (request ${error.requestId})` : text;
  }
  if (error instanceof Unreachable) return error.message;
  return `The page failed: ${error.message}`;
}

async function parsed(answer) {
  try {
    return await answer.json();
  } catch {
    return null;
  }
}
