import { byId, element } from "./element.js"

/** @import { Answered } from "./api.js" */

// A double click is over by then, however fast the answer was.
const doubleClick = 500

const kinds = { done: "✓ Ordered: ", refused: "✗ Not done: ", unknown: "? " }

/**
 * Says something to the person, and to a screen reader.
 *
 * @type {(kind: keyof typeof kinds, text: string) => void}
 */
export const say = (kind, text) => {
  const close = element("button", { type: "button", className: "quiet", textContent: "Close" })
  close.addEventListener("click", () => at.replaceChildren())
  const at = byId("message")
  const words = element("p", { className: kind }, [element("strong", { textContent: kinds[kind] }), text])
  at.replaceChildren(words, close)
}

/**
 * Makes a click one order: the buttons are disabled from the click to the answer, and for no less than a double click
 * takes; a second click of the same double click is none.
 *
 * @param {HTMLButtonElement} button
 * @param {() => Iterable<HTMLButtonElement>} all - that wait for the same answer; this one among them
 * @param {() => Promise<Answered | null>} send - null: there was nothing to send
 */
export const onOrder = (button, all, send) => {
  button.addEventListener("click", async (click) => {
    if (click.detail > 1 || button.disabled) return
    const waiting = [...all()]
    const over = new Promise((resolve) => setTimeout(resolve, doubleClick))
    for (const one of waiting) one.disabled = true
    button.classList.add("sending")
    try {
      const answer = await send()
      if (answer !== null)
        say(answer.status === 0 ? "unknown" : answer.ok ? "done" : "refused", answer.message)
    } finally {
      await over
      button.classList.remove("sending")
      for (const one of waiting) one.disabled = false
      if (document.activeElement === document.body) button.focus()
    }
  })
}
