/**
 * Markdown (CommonMark, and what GitHub adds to it) as HTML. What is HTML in it is shown as text, and links lead to the web or
 * nowhere: notes come with run folders, and these from anywhere.
 */
export async function renderMarkdown(text: string): Promise<string> {
  if (text.trim() === '') return '';
  const [{ micromark }, { gfm, gfmHtml }] = await Promise.all([import('micromark'), import('micromark-extension-gfm')]);
  return micromark(text, { extensions: [gfm()], htmlExtensions: [gfmHtml()] });
}
