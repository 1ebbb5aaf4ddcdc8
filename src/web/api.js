/** What became of a call: `status` 0 where there was no answer.
 *
 * @typedef {{ readonly ok: boolean, readonly status: number, readonly message: string, readonly body: any }} Answered
 */

// Until the tab is closed, and of this tab alone.
const key = "registrywatcher token"

export const token = {
  /** @returns {string | null} */
  read: () => sessionStorage.getItem(key),
  /** @type {(text: string) => void} */
  keep: (text) => sessionStorage.setItem(key, text),
  forget: () => sessionStorage.removeItem(key)
}

/** @returns {Record<string, string>} */
export const authorization = () => {
  const kept = token.read()
  return kept === null ? {} : { authorization: `Bearer ${kept}` }
}

/** Longer than the server takes to ask the registry for a tag. */
const patience = 15_000

/**
 * One call, sent once: what may have been done is never repeated by itself.
 *
 * @param {string} method
 * @param {string} path - without a slash in front: beside the page, wherever that is
 * @param {{ body?: unknown, generation?: number }} [with_] - `generation`: what the caller looked at (`If-Match`)
 * @returns {Promise<Answered>}
 */
export const call = async (method, path, { body, generation } = {}) => {
  try {
    const response = await fetch(path, {
      method,
      headers: { ...authorization(), ...(generation === undefined ? {} : { "if-match": `"${generation}"` }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(patience)
    })
    const answer = await response.json()
    return { ok: response.ok, status: response.status, message: String(answer?.message ?? ""), body: answer }
  } catch {
    const message =
      method === "GET" ? "no answer" : "no answer: it may have been done or not; look before you ask again"
    return { ok: false, status: 0, message, body: null }
  }
}

/** @type {(name: string) => string} */
export const pathOf = (name) => `v1/repositories/${encodeURIComponent(name)}`
