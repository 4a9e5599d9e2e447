/** Texts of four kinds, and the fields that are to be found in them. */
export interface SampleDocument {
  readonly id: string
  readonly text: string
}

export const SAMPLE_SCHEMA = 'name, place, amount float, kind (letter|invoice|table|story)'

const LETTERS = [
  `Dear Mrs. Alvarez,\n\nThank you for your order of 14 March. We have shipped three oak chairs and a round table to Lisbon; the total of 1,240.50 euros is due by 30 April.\n\nYours sincerely,\nHannah Berg`,
  `Dear Uncle Joost,\n\nThe harvest was poor this year, but the pears were sweet. I have put 35 jars in the cellar in Ghent, and six are for you. Come before the frost!\n\nYour niece, Lotte`,
  `To the Editor: I read with surprise that the bridge at Thornbury is to be closed for 18 months. Who will pay the £2.75 million? — R. K. Osei, Bristol`,
  `Lieber Herr Müller,\n\nvielen Dank für Ihre Nachricht vom 3. Mai. Die Fähre von Kiel nach Göteborg kostet 129,00 €; wir haben zwei Plätze reserviert.\n\nMit freundlichen Grüßen\nÅsa Lindström`,
  `Hi Sam — quick one: the deposit for the flat in Porto ("Rua das Flores 12") is $900, not $800. Could you call Inês before noon? Thx, Bo`,
]
const INVOICES = [
  `INVOICE No. 2041\nTo: Kwame Boateng, Accra\n2 x desk lamp ........ 38.00\n1 x stool ............ 21.50\nTOTAL ................ 59.50 USD`,
  `Rechnung 77/B\nKunde: Anna-Lena Weiß, 80331 München\nLeistung: Reparatur Fahrrad\nSumme netto 84,03 EUR\nSumme brutto 100,00 EUR`,
  `Bill to:\tNguyễn Thị Hoa\nCity:\tĐà Nẵng\nItems:\t12 notebooks & 1 <stapler>\nDue:\t340000 VND`,
  `*** RECEIPT ***\nMERIDIAN BOOKS, Dublin 2\n"Ulysses" 1 @ 14.99\n"Dubliners" 1 @ 9.99\nCASH 30.00 CHANGE 5.02\nServed by: Maeve`,
  `請求書\n宛先: 山田太郎様 (東京)\n合計: 12,800円\n支払期限: 2024年6月30日`,
]
const TABLES = [
  `name,city,score\nIda,Oslo,17\nPer,Bergen,9\nLiv,Tromsø,23`,
  `| Player | Club | Goals |\n|---|---|---|\n| M. Duarte | Braga | 11 |\n| K. Obi | Lagos | 7 |`,
  `Station      Line     Minutes\nAlder Grove  Red      4\nMill Lane    Blue     11\nQueen's Quay Red      19`,
  `<tr><td>Eva</td><td>Brno</td><td>3.5</td></tr>\n<tr><td>Jan</td><td>Plzeň</td><td>4.0</td></tr>`,
  `Tide times, Whitby: high 05:12 (5.1 m), low 11:30 (1.2 m), high 17:41 (5.3 m). Harbour master: J. Fenn.`,
]
const STORIES = [
  `Old Tom was seventy and lived by the sea. His niece Mara, aged 12, came every summer from Leeds. In June the baker, Mr. Ellis, brought them bread; he was 45. Nobody knew how old the lighthouse keeper Anna was.`,
  `"You are late," said the clockmaker. The boy looked at the 40 clocks on the wall; no two agreed. "By which one, sir?" he asked, and for the first time that winter in Prague the old man laughed.`,
  `The fox had crossed the frozen lake twice before the dogs gave up. From the far bank she watched the lanterns of Halvorsen's farm go out, one, two, three, until only the moon was left.`,
  `Captain Ruiz counted the barrels again. Ninety, and there should have been a hundred. He did not shout. He asked for the cook, a chair, and the key to the hold. "Cádiz is two days off," he said. "We have time."`,
  `It rained. It rained on the roof of the school, on the umbrellas of the two sisters, Noor and Samira, and on the small grey dog that belonged to nobody and had followed them all the way from the market. 😀`,
]

const named = (kind: string, texts: readonly string[]): SampleDocument[] =>
  texts.map((text, i) => ({ id: `${kind} ${i + 1}`, text }))

export const SAMPLE_DOCUMENTS: readonly SampleDocument[] = [
  ...named('letter', LETTERS),
  ...named('invoice', INVOICES),
  ...named('table', TABLES),
  ...named('story', STORIES),
]
