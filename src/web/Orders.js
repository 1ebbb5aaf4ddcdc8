import { call, pathOf } from "./api.js"
import { element, setText } from "./element.js"
import { onOrder } from "./ordering.js"
import { Rollout } from "./Rollout.js"

/** @import { Answered } from "./api.js" */
/** @import { AttemptShown, TagShown } from "./types.ts" */
/** @import { Row } from "./Row.js" */

const button = (/** @type {string} */ textContent) => element("button", { type: "button", textContent })

const line = (/** @type {ReadonlyArray<HTMLElement>} */ children) =>
  element("div", { className: "line" }, children)

// As the API gives them: beyond, nobody looks on this page.
const attemptsRead = 50

/** What a person can order of one repository, and what was tried last. */
export class Orders {
  #row
  #tags = element("select", { ariaLabel: "Tag to pin" })
  #pin = button("Pin and deploy")
  #reset = button("Reset to versions")
  #auto = button("")
  #check = button("Check now")
  #redeploy = button("Redeploy")
  #rollback = button("Roll back")
  #back = element("select", { ariaLabel: "Where to roll back to" })
  #backward = line([this.#back, this.#rollback])
  #accept = button("Accept the listing: what it lacks is gone")
  #adopt = button("Adopt what the job has")
  #why = element("input", { type: "text", maxLength: 500, placeholder: "Why", ariaLabel: "Why it is held" })
  #hold = button("Hold")
  #release = button("Release the hold")
  #doubts = line([this.#accept, this.#adopt])
  #held = element("p", { className: "held" })
  #attempts = element("ol", { className: "attempts" })
  #rollout

  /** @param {Row} row */
  constructor(row) {
    this.#row = row
    /** @type {Array<HTMLButtonElement>} */
    const buttons = []
    /** @type {(one: HTMLButtonElement, send: () => Promise<Answered | null>) => void} */
    const on = (one, send) => {
      buttons.push(one)
      onOrder(one, () => buttons, send)
    }
    this.#rollout = new Rollout((verb, body) => this.#order("POST", verb, body), on)
    this.panel = element("div", { className: "panel" }, [
      this.#rollout.at,
      this.#doubts,
      line([this.#tags, this.#pin]),
      line([this.#reset, this.#auto, this.#check, this.#redeploy]),
      this.#backward,
      line([this.#why, this.#hold, this.#held, this.#release]),
      element("h3", { textContent: "What was tried" }),
      this.#attempts
    ])
    this.#backward.hidden = true
    on(this.#pin, () => this.#order("PATCH", "", { pinned_tag: this.#tags.value }))
    on(this.#reset, () => this.#order("POST", "/reset"))
    on(this.#auto, () => this.#order("PATCH", "", { auto_deploy: !this.#row.shown.desired.auto_deploy }))
    on(this.#check, () => call("POST", `${this.#path}/check`))
    on(this.#redeploy, () => this.#order("POST", "/redeploy"))
    on(this.#rollback, () =>
      this.#order("POST", "/rollback", this.#back.value === "" ? {} : { attempt: this.#back.value })
    )
    on(this.#accept, () => this.#order("POST", "/accept-view"))
    on(this.#adopt, () => this.#order("POST", "/adopt"))
    on(this.#hold, async () => {
      if (this.#why.value.trim() === "") return (this.#why.focus(), null)
      const answer = await this.#order("POST", "/hold", { why: this.#why.value })
      if (answer.ok) this.#why.value = ""
      return answer
    })
    on(this.#release, () => this.#order("DELETE", "/hold"))
    this.show()
  }

  get #path() {
    return pathOf(this.#row.shown.name)
  }

  /**
   * For the generation that the page shows. Where somebody was faster, the answer says who, and the page has their state.
   *
   * @param {string} method
   * @param {string} verb
   * @param {unknown} [body]
   */
  async #order(method, verb, body) {
    const { generation } = this.#row.shown.desired
    const answer = await call(method, `${this.#path}${verb}`, { body, generation })
    if (answer.ok) this.#row.committed(answer.body.desired)
    if (answer.status === 412) {
      const stands = await call("GET", this.#path)
      if (stands.ok) this.#row.committed(stands.body.desired)
    }
    return answer
  }

  /** After news of the repository. */
  show() {
    const { decision, desired } = this.#row.shown
    const { auto_deploy, hold, pinned_tag } = desired
    this.#accept.hidden = decision?.reason !== "suspect_view"
    this.#adopt.hidden = decision?.reason !== "unknown_marker"
    this.#doubts.hidden = this.#accept.hidden && this.#adopt.hidden
    setText(this.#auto, auto_deploy ? "Switch auto-deploy off" : "Switch auto-deploy on")
    setText(this.#held, hold === null ? "" : `Held by ${hold.by}: ${hold.why}`)
    this.#release.hidden = hold === null
    this.#held.hidden = hold === null
    this.#hold.hidden = hold !== null
    this.#why.hidden = hold !== null
    setText(this.#reset, pinned_tag === "" ? "Reset to versions" : "Unpin: reset to versions")
    if (this.panel.isConnected) void this.refresh()
  }

  /** The tags to choose from, and the last attempts. */
  async refresh() {
    const [tags, attempts] = await Promise.all([
      call("GET", `${this.#path}/tags?limit=1000`),
      call("GET", `${this.#path}/attempts?limit=${attemptsRead}`)
    ])
    if (tags.ok && document.activeElement !== this.#tags) this.#choose(tags.body.tags)
    if (!attempts.ok) return
    // One that Nomad refused, say, is newer than the rollout that goes on.
    this.#rollout.show(
      attempts.body.attempts.find(
        (/** @type {AttemptShown} */ { state }) => state === "accepted" || state === "unknown"
      )
    )
    if (document.activeElement !== this.#back) this.#succeeded(attempts.body.attempts)
    this.#tried(attempts.body.attempts.slice(0, 5))
  }

  /** @param {ReadonlyArray<TagShown>} tags */
  #choose(tags) {
    const { desired, elected, runs } = this.#row.shown
    const before = this.#tags.value
    const known = new Set(tags.map(({ tag }) => tag))
    const options = tags.map(({ tag, verdict }) => {
      const notes = [
        ...(tag === desired.pinned_tag ? ["pinned"] : []),
        ...(runs.some((one) => one === tag) ? ["runs"] : []),
        ...(verdict === "not_pinned" || verdict === "older" ? [] : [verdict.replaceAll("_", " ")])
      ]
      return element("option", {
        value: tag,
        textContent: notes.length === 0 ? tag : `${tag} (${notes.join(", ")})`
      })
    })
    this.#tags.replaceChildren(...options)
    const wanted = [before, desired.pinned_tag, elected?.tag ?? ""].find((tag) =>
      [...known].some((one) => one === tag)
    )
    if (wanted !== undefined) this.#tags.value = wanted
  }

  /**
   * What can be rolled back to: nothing chosen is what succeeded before what runs. Absent where that is all there is.
   *
   * @param {ReadonlyArray<AttemptShown>} attempts
   */
  #succeeded(attempts) {
    const before = this.#back.value
    const { decision } = this.#row.shown
    const has = decision?.decision === "in_sync" ? decision.target : null
    const good = attempts.filter(
      ({ state, to }) => state === "succeeded" && (to.tag !== has?.tag || to.digest !== has.digest)
    )
    const options = good.map(({ id, to, ended_at }) =>
      element("option", {
        value: id,
        textContent: `to ${to.tag}, deployed ${ended_at === null ? "" : new Date(ended_at).toLocaleString()}`
      })
    )
    this.#back.replaceChildren(
      element("option", { value: "", textContent: "to what ran before" }),
      ...options
    )
    this.#back.value = good.some(({ id }) => id === before) ? before : ""
    this.#back.hidden = good.length === 0
    this.#backward.hidden = this.#back.hidden && attempts.length < attemptsRead
  }

  /** @param {ReadonlyArray<AttemptShown>} attempts */
  #tried(attempts) {
    const lines = attempts.map(({ created_at, from, to, state, phase, words, reason, requested_by }) =>
      element("li", {}, [
        element("time", { dateTime: created_at, textContent: new Date(created_at).toLocaleString() }),
        element("span", { className: "value", textContent: ` ${from.tag ?? "?"} → ${to.tag} ` }),
        element("strong", {
          textContent: `${state}${state === "accepted" && phase !== null ? `, ${phase.replaceAll("_", " ")}` : ""}`
        }),
        ` ${requested_by === null ? reason.replaceAll("_", " ") : `ordered by ${requested_by}`}${words === null ? "" : `: ${words}`}`
      ])
    )
    this.#attempts.replaceChildren(
      ...(lines.length === 0 ? [element("li", { textContent: "nothing yet" })] : lines)
    )
  }
}
