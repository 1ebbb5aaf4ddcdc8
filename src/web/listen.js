import { authorization } from "./api.js"

/**
 * @typedef {object} Heard
 * @property {(event: string, data: any) => void} event
 * @property {() => void} live - the stream has begun
 * @property {(why: string) => void} lost - it is tried again
 * @property {(status: number, message: string) => void} refused - it is not tried again before the next `listen`
 */

/** Two heartbeats and a half. */
const silence = 40_000
const pauses = [500, 1000, 2000, 5000, 10_000]

/** @type {AbortController | undefined} */
let running

/**
 * Reads the event stream for as long as the page is looked at, and begins it anew when it ends. By `fetch`: an
 * `EventSource` sends no token. A browser keeps six connections to one server, so a tab that nobody sees has none.
 *
 * @param {Heard} heard
 */
export const listen = (heard) => {
  running?.abort()
  const stopped = new AbortController()
  running = stopped
  void repeat(heard, stopped.signal)
}

/** @type {(heard: Heard, stopped: AbortSignal) => Promise<void>} */
const repeat = async (heard, stopped) => {
  for (let failures = 0; !stopped.aborted;) {
    await untilSeen(stopped)
    const outcome = await once(heard, stopped)
    if (stopped.aborted || outcome === "refused") return
    failures = outcome === "ended" ? 0 : failures + 1
    await sleep(pauses[Math.min(failures, pauses.length - 1)] ?? 0, stopped)
  }
}

/** @type {(heard: Heard, stopped: AbortSignal) => Promise<"ended" | "failed" | "refused">} */
const once = async (heard, stopped) => {
  const cut = new AbortController()
  const hide = () => document.hidden && cut.abort()
  document.addEventListener("visibilitychange", hide)
  let watchdog = setTimeout(() => cut.abort(), silence)
  let hasBegun = false
  try {
    const response = await fetch("v1/events", {
      headers: authorization(),
      signal: AbortSignal.any([cut.signal, stopped])
    })
    if (!response.ok || response.body === null) {
      const { message } = await response.json()
      if (response.status === 401 || response.status === 403) {
        heard.refused(response.status, String(message))
        return "refused"
      }
      heard.lost(String(message))
      return "failed"
    }
    heard.live()
    hasBegun = true
    let rest = ""
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return "ended"
      clearTimeout(watchdog)
      watchdog = setTimeout(() => cut.abort(), silence)
      const parts = (rest + value).split("\n\n")
      rest = parts.pop() ?? ""
      for (const part of parts) {
        const [, event, data] = /^event: (.*)\ndata: (.*)$/.exec(part) ?? []
        if (event !== undefined && data !== undefined) heard.event(event, JSON.parse(data))
      }
    }
  } catch {
    if (!stopped.aborted) heard.lost(document.hidden ? "nobody looks" : "no connection")
    return hasBegun ? "ended" : "failed"
  } finally {
    clearTimeout(watchdog)
    document.removeEventListener("visibilitychange", hide)
  }
}

/** @type {(stopped: AbortSignal) => Promise<void>} */
const untilSeen = (stopped) =>
  new Promise((resolve) => {
    const look = () => {
      if (document.hidden && !stopped.aborted) return
      document.removeEventListener("visibilitychange", look)
      resolve()
    }
    document.addEventListener("visibilitychange", look)
    stopped.addEventListener("abort", look, { once: true })
    look()
  })

/** @type {(milliseconds: number, stopped: AbortSignal) => Promise<void>} */
const sleep = (milliseconds, stopped) =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds)
    stopped.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true })
  })
