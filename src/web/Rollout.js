import { element, setText } from "./element.js"

/** @import { Answered } from "./api.js" */
/** @import { AttemptShown } from "./types.ts" */

/**
 * What can be ordered of an attempt while it goes on, or while nobody can tell what became of it. Each is shown only
 * where it means something. Its buttons stay the same, so that one that waits for its answer is not made anew.
 */
export class Rollout {
  /** @type {AttemptShown | undefined} */
  #attempt
  #promote = element("button", { type: "button", className: "primary" })
  #why = element("input", {
    type: "text",
    maxLength: 500,
    placeholder: "Why it fails (may be left out)",
    ariaLabel: "Why the rollout fails"
  })
  #fail = element("button", { type: "button" })
  #abandon = element("button", { type: "button" })
  #said = element("p", { className: "said" })
  at = element("div", { className: "line rollout", hidden: true }, [
    this.#said,
    this.#promote,
    this.#why,
    this.#fail,
    this.#abandon
  ])
  buttons = [this.#promote, this.#fail, this.#abandon]

  /**
   * @param {(verb: string, body?: unknown) => Promise<Answered>} order - of the repository
   * @param {(button: HTMLButtonElement, send: () => Promise<Answered | null>) => void} on
   */
  constructor(order, on) {
    /** @type {(verb: string, body?: unknown) => Promise<Answered | null>} */
    const send = async (verb, body) =>
      this.#attempt === undefined ? null : order(`/attempts/${this.#attempt.id}/${verb}`, body)
    on(this.#promote, () => send("promote"))
    on(this.#fail, async () => {
      const why = this.#why.value.trim()
      const answer = await send("fail", why === "" ? {} : { why })
      if (answer?.ok === true) this.#why.value = ""
      return answer
    })
    on(this.#abandon, () => send("abandon"))
  }

  /** @param {AttemptShown | undefined} newest - that goes on, or of which nobody can tell */
  show(newest) {
    this.#attempt = newest
    const tag = newest?.to.tag ?? ""
    const isRolling = newest?.state === "accepted"
    const isAwaiting = isRolling && newest.phase === "awaiting_promotion"
    const told = newest?.ordered ?? null
    // What Nomad refused stands no more: it is said, and may be ordered again.
    const ordered = told === null || told.refused !== null ? null : told
    this.#promote.hidden = !isAwaiting || ordered !== null
    this.#fail.hidden = !isRolling || newest.deployment_id === null || ordered?.order === "fail"
    this.#why.hidden = this.#fail.hidden
    this.#abandon.hidden = newest?.state !== "unknown"
    setText(this.#promote, `Promote ${tag}`)
    setText(this.#fail, `Fail the rollout of ${tag}`)
    setText(this.#abandon, `Give up the attempt at ${tag}`)
    const canaries = newest?.canaries ?? null
    setText(
      this.#said,
      ordered !== null && isRolling
        ? `${ordered.by ?? "somebody"} ${ordered.order === "fail" ? "fails" : "promotes"} ${tag}`
        : told !== null && isRolling
          ? `Nomad refused to ${told.order} ${tag}${told.by === null ? "" : `, as ${told.by} ordered`}: ${told.refused}`
          : canaries === null || !isAwaiting
            ? ""
            : `${canaries.healthy} of ${canaries.desired} canaries of ${tag} healthy`
    )
    this.#said.hidden = this.#said.textContent === ""
    this.at.hidden = [...this.buttons, this.#said].every(({ hidden }) => hidden)
  }
}
