/**
 * An element with these properties and children. Text is only ever text: nothing here makes markup of data (X15).
 *
 * @template {keyof HTMLElementTagNameMap} Name
 * @param {Name} name
 * @param {Partial<Omit<HTMLElementTagNameMap[Name], "children" | "style">>} [properties]
 * @param {ReadonlyArray<Node | string>} [children]
 * @returns {HTMLElementTagNameMap[Name]}
 */
export const element = (name, properties = {}, children = []) => {
  const made = Object.assign(document.createElement(name), properties)
  made.append(...children)
  return made
}

/**
 * Of the document, by its id: the page's own markup has it.
 *
 * @param {string} id
 */
export const byId = (id) => {
  const found = document.getElementById(id)
  if (found === null) throw new Error(`the page has no #${id}`)
  return found
}

/**
 * Sets text only where it changed: what a person has selected stays so.
 *
 * @type {(at: HTMLElement, text: string) => void}
 */
export const setText = (at, text) => {
  if (at.textContent !== text) at.textContent = text
}
