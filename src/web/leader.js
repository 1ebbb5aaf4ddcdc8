import { call } from "./api.js"
import { setText } from "./element.js"

const every = 15_000

/** @type {(ready: { role: string, leader: { since: string } | null }) => string} */
const describe = ({ role, leader }) => {
  if (leader === null) return "no instance has led yet: nothing is deployed"
  const since = new Date(leader.since).toLocaleString()
  return role === "leader" ? `this instance leads, since ${since}` : `another instance leads, since ${since}`
}

/**
 * Says again and again which instance acts, for as long as somebody looks; nothing while that is not known.
 *
 * @param {HTMLElement} at
 */
export const showLeader = (at) => {
  const look = async () => {
    if (!document.hidden) {
      const { ok, body } = await call("GET", "health/ready")
      setText(at, ok ? describe(body) : "")
      at.hidden = !ok
    }
    setTimeout(look, every)
  }
  void look()
}
