import { call, pathOf } from "./api.js"
import { element, setText } from "./element.js"
import { onOrder } from "./ordering.js"

/** @import { Answered } from "./api.js" */
/** @import { AttemptShown, TagShown } from "./types.ts" */
/** @import { Row } from "./Row.js" */

const button = (/** @type {string} */ textContent, className = "") =>
  element("button", { type: "button", textContent, className })

const line = (/** @type {ReadonlyArray<HTMLElement>} */ children) =>
  element("div", { className: "line" }, children)

/** What a person can order of one repository, and what was tried last. */
export class Orders {
  #row
  #tags = element("select", { ariaLabel: "Tag to pin" })
  #pin = button("Pin and deploy", "primary")
  #reset = button("Reset to versions")
  #auto = button("")
  #check = button("Check now")
  #redeploy = button("Redeploy")
  #rollback = button("Roll back")
  #why = element("input", { type: "text", maxLength: 500, placeholder: "Why", ariaLabel: "Why it is held" })
  #hold = button("Hold")
  #release = button("Release the hold")
  #held = element("p", { className: "held" })
  #attempts = element("ol", { className: "attempts" })

  /** @param {Row} row */
  constructor(row) {
    this.#row = row
    this.panel = element("div", { className: "panel" }, [
      line([this.#tags, this.#pin]),
      line([this.#reset, this.#auto, this.#check, this.#redeploy, this.#rollback]),
      line([this.#why, this.#hold, this.#held, this.#release]),
      element("h3", { textContent: "What was tried" }),
      this.#attempts
    ])
    const buttons = [
      this.#pin,
      this.#reset,
      this.#auto,
      this.#check,
      this.#redeploy,
      this.#rollback,
      this.#hold,
      this.#release
    ]
    /** @type {(one: HTMLButtonElement, send: () => Promise<Answered | null>) => void} */
    const on = (one, send) => onOrder(one, () => buttons, send)

    on(this.#pin, () => this.#order("PATCH", "", { pinned_tag: this.#tags.value }))
    on(this.#reset, () => this.#order("POST", "/reset"))
    on(this.#auto, () => this.#order("PATCH", "", { auto_deploy: !this.#row.shown.desired.auto_deploy }))
    on(this.#check, () => call("POST", `${this.#path}/check`))
    on(this.#redeploy, () => this.#order("POST", "/redeploy"))
    on(this.#rollback, () => this.#order("POST", "/rollback"))
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
    const { auto_deploy, hold, pinned_tag } = this.#row.shown.desired
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
      call("GET", `${this.#path}/attempts?limit=5`)
    ])
    if (tags.ok && document.activeElement !== this.#tags) this.#choose(tags.body.tags)
    if (attempts.ok) this.#tried(attempts.body.attempts)
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
