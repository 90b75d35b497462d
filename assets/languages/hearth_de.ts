<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="de_DE" sourcelanguage="en_GB">
<context>
    <name></name>
    <message>
        <source> (link to {place})</source>
        <translation> (Link zu {place})</translation>
    </message>
    <message>
        <source> (link)</source>
        <translation> (Link)</translation>
    </message>
    <message>
        <source> and {0} more</source>
        <translation> und {0} weitere</translation>
    </message>
    <message>
        <source> through the proxy</source>
        <translation> über den Proxy</translation>
    </message>
    <message>
        <source>&amp;About Hearth</source>
        <translation>&amp;Über Hearth</translation>
    </message>
    <message>
        <source>&amp;All conversations…</source>
        <translation>&amp;Alle Unterhaltungen…</translation>
    </message>
    <message>
        <source>&amp;Answer again</source>
        <translation>&amp;Neu antworten</translation>
    </message>
    <message>
        <source>&amp;Attach files…</source>
        <translation>&amp;Dateien anhängen…</translation>
    </message>
    <message>
        <source>&amp;Branch into a new conversation</source>
        <translation>In eine neue Unterhaltung ab&amp;zweigen</translation>
    </message>
    <message>
        <source>&amp;Choose a model</source>
        <translation>Modell &amp;wählen</translation>
    </message>
    <message>
        <source>&amp;Close</source>
        <translation>&amp;Schließen</translation>
    </message>
    <message>
        <source>&amp;Colours of the desktop</source>
        <translation>Farben des &amp;Desktops</translation>
    </message>
    <message>
        <source>&amp;Conversation</source>
        <translation>&amp;Unterhaltung</translation>
    </message>
    <message>
        <source>&amp;Copy</source>
        <translation>&amp;Kopieren</translation>
    </message>
    <message>
        <source>&amp;Copy last answer</source>
        <translation>Letzte Antwort &amp;kopieren</translation>
    </message>
    <message>
        <source>&amp;Copy message</source>
        <translation>Nachricht &amp;kopieren</translation>
    </message>
    <message>
        <source>&amp;Copy text</source>
        <translation>Text &amp;kopieren</translation>
    </message>
    <message>
        <source>&amp;Dark</source>
        <translation>D&amp;unkel</translation>
    </message>
    <message>
        <source>&amp;Delete</source>
        <translation>&amp;Löschen</translation>
    </message>
    <message>
        <source>&amp;Delete conversation</source>
        <translation>Unterhaltung &amp;löschen</translation>
    </message>
    <message>
        <source>&amp;Delete folder</source>
        <translation>Ordner &amp;löschen</translation>
    </message>
    <message>
        <source>&amp;Delete message</source>
        <translation>Nachricht &amp;löschen</translation>
    </message>
    <message>
        <source>&amp;Earlier message of yours</source>
        <translation>&amp;Frühere eigene Nachricht</translation>
    </message>
    <message>
        <source>&amp;Edit</source>
        <translation>&amp;Bearbeiten</translation>
    </message>
    <message>
        <source>&amp;Edit last message</source>
        <translation>Letzte Nachricht &amp;bearbeiten</translation>
    </message>
    <message>
        <source>&amp;Export</source>
        <translation>E&amp;xportieren</translation>
    </message>
    <message>
        <source>&amp;Export…</source>
        <translation>E&amp;xportieren…</translation>
    </message>
    <message>
        <source>&amp;File</source>
        <translation>&amp;Datei</translation>
    </message>
    <message>
        <source>&amp;Find in conversation…</source>
        <translation>In der Unterhaltung &amp;suchen…</translation>
    </message>
    <message>
        <source>&amp;Full screen</source>
        <translation>V&amp;ollbild</translation>
    </message>
    <message>
        <source>&amp;Help</source>
        <translation>&amp;Hilfe</translation>
    </message>
    <message>
        <source>&amp;Keyboard shortcuts</source>
        <translation>&amp;Tastenkürzel</translation>
    </message>
    <message>
        <source>&amp;Larger text</source>
        <translation>&amp;Größerer Text</translation>
    </message>
    <message>
        <source>&amp;Later message of yours</source>
        <translation>S&amp;pätere eigene Nachricht</translation>
    </message>
    <message>
        <source>&amp;Leave out the oldest messages</source>
        <translation>Älteste Nachrichten &amp;weglassen</translation>
    </message>
    <message>
        <source>&amp;Licences</source>
        <translation>&amp;Lizenzen</translation>
    </message>
    <message>
        <source>&amp;Model</source>
        <translation>&amp;Modell</translation>
    </message>
    <message>
        <source>&amp;Models</source>
        <translation>&amp;Modelle</translation>
    </message>
    <message>
        <source>&amp;Move to</source>
        <translation>&amp;Verschieben nach</translation>
    </message>
    <message>
        <source>&amp;New conversation</source>
        <translation>&amp;Neue Unterhaltung</translation>
    </message>
    <message>
        <source>&amp;Next version</source>
        <translation>Nä&amp;chste Fassung</translation>
    </message>
    <message>
        <source>&amp;Open</source>
        <translation>Ö&amp;ffnen</translation>
    </message>
    <message>
        <source>&amp;Paste</source>
        <translation>&amp;Einfügen</translation>
    </message>
    <message>
        <source>&amp;Pin</source>
        <translation>An&amp;heften</translation>
    </message>
    <message>
        <source>&amp;Previous conversation</source>
        <translation>&amp;Vorherige Unterhaltung</translation>
    </message>
    <message>
        <source>&amp;Previous version</source>
        <translation>&amp;Vorherige Fassung</translation>
    </message>
    <message>
        <source>&amp;Put into the message</source>
        <translation>In die Nachricht &amp;einsetzen</translation>
    </message>
    <message>
        <source>&amp;Quit</source>
        <translation>&amp;Beenden</translation>
    </message>
    <message>
        <source>&amp;Redo</source>
        <translation>&amp;Wiederholen</translation>
    </message>
    <message>
        <source>&amp;Reload</source>
        <translation>Neu &amp;laden</translation>
    </message>
    <message>
        <source>&amp;Rename</source>
        <translation>&amp;Umbenennen</translation>
    </message>
    <message>
        <source>&amp;Rename conversation</source>
        <translation>Unterhaltung &amp;umbenennen</translation>
    </message>
    <message>
        <source>&amp;Report a problem…</source>
        <translation>&amp;Problem melden…</translation>
    </message>
    <message>
        <source>&amp;Settings</source>
        <translation>&amp;Einstellungen</translation>
    </message>
    <message>
        <source>&amp;Settings for this model</source>
        <translation>Ein&amp;stellungen für dieses Modell</translation>
    </message>
    <message>
        <source>&amp;Show the exact prompt</source>
        <translation>&amp;Genauen Prompt zeigen</translation>
    </message>
    <message>
        <source>&amp;Sidebar</source>
        <translation>&amp;Seitenleiste</translation>
    </message>
    <message>
        <source>&amp;Stop the answer</source>
        <translation>Antwort &amp;anhalten</translation>
    </message>
    <message>
        <source>&amp;Think before answering</source>
        <translation>Vor der Antwort &amp;nachdenken</translation>
    </message>
    <message>
        <source>&amp;Undo</source>
        <translation>&amp;Rückgängig</translation>
    </message>
    <message>
        <source>&amp;Unload</source>
        <translation>&amp;Entladen</translation>
    </message>
    <message>
        <source>&amp;Usual text size</source>
        <translation>Üb&amp;liche Textgröße</translation>
    </message>
    <message>
        <source>&amp;View</source>
        <translation>&amp;Ansicht</translation>
    </message>
    <message>
        <source>, and {size} for its packed copy, which loads faster</source>
        <translation>, dazu {size} für die gepackte Kopie, die schneller lädt</translation>
    </message>
    <message>
        <source>, as the package bitsandbytes is not installed.</source>
        <translation>, da das Paket bitsandbytes nicht installiert ist.</translation>
    </message>
    <message>
        <source>, {0} GiB of them by way of main memory at {1} GB/s ({2})</source>
        <translation>, {0} GiB davon aus dem Arbeitsspeicher mit {1} GB/s ({2})</translation>
    </message>
    <message>
        <source>0 always takes the most likely word; around 0.7 is lively; above 1.5 it soon makes no sense.</source>
        <translation>0 nimmt immer das wahrscheinlichste Wort; um 0,7 wird es lebendig; über 1,5 ergibt es bald keinen Sinn mehr.</translation>
    </message>
    <message>
        <source>1 character</source>
        <translation>1 Zeichen</translation>
    </message>
    <message>
        <source>1 conversation</source>
        <translation>1 Unterhaltung</translation>
    </message>
    <message>
        <source>1 file</source>
        <translation>1 Datei</translation>
    </message>
    <message>
        <source>1 of {total} pages is a picture without text.</source>
        <translation>1 von {total} Seiten ist ein Bild ohne Text.</translation>
    </message>
    <message>
        <source>1 of {total} pages was left out, as the text is too long.</source>
        <translation>1 von {total} Seiten wurde weggelassen, da der Text zu lang ist.</translation>
    </message>
    <message>
        <source>1 page</source>
        <translation>1 Seite</translation>
    </message>
    <message>
        <source>1 sheet</source>
        <translation>1 Blatt</translation>
    </message>
    <message>
        <source>1 slide</source>
        <translation>1 Folie</translation>
    </message>
    <message>
        <source>15 to 35 billion</source>
        <translation>15 bis 35 Milliarden</translation>
    </message>
    <message>
        <source>4 to 9 billion</source>
        <translation>4 bis 9 Milliarden</translation>
    </message>
    <message>
        <source>4-bit weights come back changed</source>
        <translation>4-Bit-Gewichte kommen verändert zurück</translation>
    </message>
    <message>
        <source>8-bit rows (bitsandbytes)</source>
        <translation>8-Bit-Zeilen (bitsandbytes)</translation>
    </message>
    <message>
        <source>9 to 15 billion</source>
        <translation>9 bis 15 Milliarden</translation>
    </message>
    <message>
        <source>; others beside it: {0}</source>
        <translation>; andere daneben: {0}</translation>
    </message>
    <message>
        <source>A SOCKS proxy needs the Python package socksio, which is not installed.</source>
        <translation>Ein SOCKS-Proxy braucht das Python-Paket socksio, das nicht installiert ist.</translation>
    </message>
    <message>
        <source>A conversation that is not in the list</source>
        <translation>Eine Unterhaltung, die nicht in der Liste steht</translation>
    </message>
    <message>
        <source>A file (PEM) with the certificates of your organisation, if its network needs them.</source>
        <translation>Eine Datei (PEM) mit den Zertifikaten Ihrer Organisation, falls deren Netz sie verlangt.</translation>
    </message>
    <message>
        <source>A file of {0} was changed while the model was in use, so its answers would be wrong.</source>
        <translation>Eine Datei von {0} wurde geändert, während das Modell in Gebrauch war; seine Antworten wären deshalb falsch.</translation>
    </message>
    <message>
        <source>A good all-rounder in many languages, for graphics cards of middle size.</source>
        <translation>Ein guter Allrounder in vielen Sprachen, für Grafikkarten mittlerer Größe.</translation>
    </message>
    <message>
        <source>A library that the engine needs could not be loaded.</source>
        <translation>Eine Bibliothek, die der Rechenkern braucht, konnte nicht geladen werden.</translation>
    </message>
    <message>
        <source>A message waits for its turn here.</source>
        <translation>Hier wartet eine Nachricht, bis sie an der Reihe ist.</translation>
    </message>
    <message>
        <source>A mirror of the Hugging Face Hub, as an address that begins with https://. Empty means huggingface.co, or what HF_ENDPOINT says.</source>
        <translation>Ein Spiegel des Hugging Face Hub, als Adresse, die mit https:// beginnt. Leer bedeutet huggingface.co, oder was HF_ENDPOINT angibt.</translation>
    </message>
    <message>
        <source>A model on this computer answers you. Nothing you write leaves it.</source>
        <translation>Ein Modell auf diesem Rechner antwortet Ihnen. Nichts, was Sie schreiben, verlässt ihn.</translation>
    </message>
    <message>
        <source>A name looks like owner/name.</source>
        <translation>Ein Name sieht aus wie besitzer/name.</translation>
    </message>
    <message>
        <source>A name looks like owner/name; the address of its page does as well.</source>
        <translation>Ein Name sieht aus wie besitzer/name; die Adresse seiner Seite geht auch.</translation>
    </message>
    <message>
        <source>A new answer was not read yet.</source>
        <translation>Eine neue Antwort wurde noch nicht gelesen.</translation>
    </message>
    <message>
        <source>A new one each time</source>
        <translation>Jedes Mal ein neuer</translation>
    </message>
    <message>
        <source>A private conversation</source>
        <translation>Eine private Unterhaltung</translation>
    </message>
    <message>
        <source>A small model of the same family that guesses words, which the large one then checks several at a time: the same answers, often faster, for some more memory. A name from the Hub or a folder; empty means none.</source>
        <translation>Ein kleines Modell derselben Familie, das Wörter errät, die das große dann mehrere auf einmal prüft: dieselben Antworten, oft schneller, für etwas mehr Speicher. Ein Name vom Hub oder ein Ordner; leer bedeutet keines.</translation>
    </message>
    <message>
        <source>A small model that is good at facts, arithmetic and long texts.</source>
        <translation>Ein kleines Modell, gut bei Fakten, beim Rechnen und bei langen Texten.</translation>
    </message>
    <message>
        <source>A token has only those experts copied to the card that it goes to.</source>
        <translation>Für ein Token werden nur die Experten auf die Karte kopiert, zu denen es geht.</translation>
    </message>
    <message>
        <source>Abo&amp;ut this answer</source>
        <translation>Übe&amp;r diese Antwort</translation>
    </message>
    <message>
        <source>About Hearth</source>
        <translation>Über Hearth</translation>
    </message>
    <message>
        <source>About this answe&amp;r</source>
        <translation>Über diese Antwo&amp;rt</translation>
    </message>
    <message>
        <source>About this answer</source>
        <translation>Über diese Antwort</translation>
    </message>
    <message>
        <source>Above 1 the model avoids words it has used already; 1 changes nothing.</source>
        <translation>Über 1 vermeidet das Modell Wörter, die es schon verwendet hat; 1 ändert nichts.</translation>
    </message>
    <message>
        <source>Above 35 billion</source>
        <translation>Über 35 Milliarden</translation>
    </message>
    <message>
        <source>Accept them at {0}, then enter an access token.</source>
        <translation>Nehmen Sie sie auf {0} an, und geben Sie dann ein Zugangstoken ein.</translation>
    </message>
    <message>
        <source>Accept them at {0}, then try again.</source>
        <translation>Nehmen Sie sie auf {0} an, und versuchen Sie es dann noch einmal.</translation>
    </message>
    <message>
        <source>Access to this resource is disabled</source>
        <translation>Der Zugang ist gesperrt</translation>
    </message>
    <message>
        <source>Access token</source>
        <translation>Zugangstoken</translation>
    </message>
    <message>
        <source>Access token…</source>
        <translation>Zugangstoken…</translation>
    </message>
    <message>
        <source>Account and connection</source>
        <translation>Konto und Verbindung</translation>
    </message>
    <message>
        <source>Actions and their keys</source>
        <translation>Aktionen und ihre Tasten</translation>
    </message>
    <message>
        <source>Add a folder with models</source>
        <translation>Ordner mit Modellen hinzufügen</translation>
    </message>
    <message>
        <source>Add a folder…</source>
        <translation>Ordner hinzufügen…</translation>
    </message>
    <message>
        <source>Address</source>
        <translation>Adresse</translation>
    </message>
    <message>
        <source>Address of the Hub</source>
        <translation>Adresse des Hub</translation>
    </message>
    <message>
        <source>After the first answer the model finds a short title for the conversation, while nothing else is to be done.</source>
        <translation>Nach der ersten Antwort findet das Modell einen kurzen Titel für die Unterhaltung, während nichts anderes zu tun ist.</translation>
    </message>
    <message>
        <source>Against repeating itself</source>
        <translation>Gegen Wiederholungen</translation>
    </message>
    <message>
        <source>All files (*)</source>
        <translation>Alle Dateien (*)</translation>
    </message>
    <message>
        <source>All messages with these words</source>
        <translation>Alle Nachrichten mit diesen Wörtern</translation>
    </message>
    <message>
        <source>All of it, paragraph by paragraph</source>
        <translation>Alles, Absatz für Absatz</translation>
    </message>
    <message>
        <source>Among the downloads</source>
        <translation>Unter den Downloads</translation>
    </message>
    <message>
        <source>An access token may help; a firewall may be in the way.</source>
        <translation>Ein Zugangstoken könnte helfen; vielleicht ist eine Firewall im Weg.</translation>
    </message>
    <message>
        <source>An access token opens models that are private or ask for something first. The test shows at which step a connection fails.</source>
        <translation>Ein Zugangstoken öffnet Modelle, die privat sind oder vorher etwas verlangen. Der Test zeigt, an welchem Schritt eine Verbindung scheitert.</translation>
    </message>
    <message>
        <source>An answer is being written here, or waits to be. Delete the message after that, or stop the answer first.</source>
        <translation>Hier wird gerade eine Antwort geschrieben, oder wartet darauf. Löschen Sie die Nachricht danach, oder halten Sie zuerst die Antwort an.</translation>
    </message>
    <message>
        <source>An answer is being written. The prompt is shown after that.</source>
        <translation>Es wird gerade eine Antwort geschrieben. Der Prompt wird danach gezeigt.</translation>
    </message>
    <message>
        <source>An answer stops after this many tokens (about three quarters of a word each), and can then be continued.</source>
        <translation>Eine Antwort endet nach so vielen Tokens (je etwa drei Viertel eines Wortes) und kann dann fortgesetzt werden.</translation>
    </message>
    <message>
        <source>And {count} more.</source>
        <translation>Und {count} weitere.</translation>
    </message>
    <message>
        <source>Another export is still running.</source>
        <translation>Es läuft noch ein anderer Export.</translation>
    </message>
    <message>
        <source>Another import is still running.</source>
        <translation>Es läuft noch ein anderer Import.</translation>
    </message>
    <message>
        <source>Another program is downloading this model.</source>
        <translation>Ein anderes Programm lädt dieses Modell gerade herunter.</translation>
    </message>
    <message>
        <source>Another program is using the conversations.</source>
        <translation>Ein anderes Programm verwendet gerade die Unterhaltungen.</translation>
    </message>
    <message>
        <source>Another server answers in place of {0}, so nothing was sent.</source>
        <translation>Anstelle von {0} antwortet ein anderer Server, daher wurde nichts gesendet.</translation>
    </message>
    <message>
        <source>Another version of an answer</source>
        <translation>Eine andere Fassung einer Antwort</translation>
    </message>
    <message>
        <source>Answe&amp;r now</source>
        <translation>&amp;Jetzt antworten</translation>
    </message>
    <message>
        <source>Answer</source>
        <translation>Antwort</translation>
    </message>
    <message>
        <source>Answer a&amp;gain</source>
        <translation>&amp;Neu antworten</translation>
    </message>
    <message>
        <source>Answer again</source>
        <translation>Neu antworten</translation>
    </message>
    <message>
        <source>Answer again &amp;with</source>
        <translation>Neu antworten &amp;mit</translation>
    </message>
    <message>
        <source>Answer now</source>
        <translation>Jetzt antworten</translation>
    </message>
    <message>
        <source>Answer with&amp;out thinking</source>
        <translation>&amp;Ohne Nachdenken antworten</translation>
    </message>
    <message>
        <source>Answering</source>
        <translation>Antwortet</translation>
    </message>
    <message>
        <source>Answers</source>
        <translation>Antworten</translation>
    </message>
    <message>
        <source>Answers now</source>
        <translation>Antwortet jetzt</translation>
    </message>
    <message>
        <source>Any publisher</source>
        <translation>Jeder Herausgeber</translation>
    </message>
    <message>
        <source>Any size</source>
        <translation>Jede Größe</translation>
    </message>
    <message>
        <source>Apache License 2.0. Fonts: Inter and JetBrains Mono (OFL). Icons: Lucide (ISC).</source>
        <translation>Apache-Lizenz 2.0. Schriften: Inter und JetBrains Mono (OFL). Symbole: Lucide (ISC).</translation>
    </message>
    <message>
        <source>Approval needed</source>
        <translation>Freigabe nötig</translation>
    </message>
    <message>
        <source>April</source>
        <translation>April</translation>
    </message>
    <message>
        <source>Architecture</source>
        <translation>Architektur</translation>
    </message>
    <message>
        <source>As fast as a 3B model, as knowledgeable as a much larger one.</source>
        <translation>So schnell wie ein 3B-Modell, so kundig wie ein viel größeres.</translation>
    </message>
    <message>
        <source>As in the &amp;settings</source>
        <translation>Wie in den &amp;Einstellungen</translation>
    </message>
    <message>
        <source>As in the &amp;settings ({choice})</source>
        <translation>Wie in den &amp;Einstellungen ({choice})</translation>
    </message>
    <message>
        <source>As in the settings: {value}</source>
        <translation>Wie in den Einstellungen: {value}</translation>
    </message>
    <message>
        <source>As long as the model wants</source>
        <translation>So lang, wie das Modell will</translation>
    </message>
    <message>
        <source>As set for this model: {value}</source>
        <translation>Wie für dieses Modell festgelegt: {value}</translation>
    </message>
    <message>
        <source>Ask in a private conversation</source>
        <translation>In einer privaten Unterhaltung fragen</translation>
    </message>
    <message>
        <source>At most {count} files go with one message. Send the others with the next one.</source>
        <translation>Mit einer Nachricht lassen sich höchstens {count} Dateien senden. Senden Sie die anderen mit der nächsten.</translation>
    </message>
    <message>
        <source>At most {speed} tokens per second.</source>
        <translation>Höchstens {speed} Tokens pro Sekunde.</translation>
    </message>
    <message>
        <source>At most {speed} tokens per second: {reason}</source>
        <translation>Höchstens {speed} Tokens pro Sekunde: {reason}</translation>
    </message>
    <message>
        <source>Attach files</source>
        <translation>Dateien anhängen</translation>
    </message>
    <message>
        <source>Attach to the message</source>
        <translation>An die Nachricht anhängen</translation>
    </message>
    <message>
        <source>Attached: {names}</source>
        <translation>Angehängt: {names}</translation>
    </message>
    <message>
        <source>Attachment: {name}</source>
        <translation>Anhang: {name}</translation>
    </message>
    <message>
        <source>Attention</source>
        <translation>Attention</translation>
    </message>
    <message>
        <source>August</source>
        <translation>August</translation>
    </message>
    <message>
        <source>Auto</source>
        <translation>Auto</translation>
    </message>
    <message>
        <source>Automatic (4 GiB)</source>
        <translation>Automatisch (4 GiB)</translation>
    </message>
    <message>
        <source>Automatic (as the model does)</source>
        <translation>Automatisch (wie das Modell es tut)</translation>
    </message>
    <message>
        <source>Automatic (best that fits)</source>
        <translation>Automatisch (beste, die passt)</translation>
    </message>
    <message>
        <source>Automatic (if there is a card)</source>
        <translation>Automatisch (falls es eine Karte gibt)</translation>
    </message>
    <message>
        <source>Automatic (up to 4 GiB)</source>
        <translation>Automatisch (bis zu 4 GiB)</translation>
    </message>
    <message>
        <source>Automatic (what fits)</source>
        <translation>Automatisch (was passt)</translation>
    </message>
    <message>
        <source>Available</source>
        <translation>Verfügbar</translation>
    </message>
    <message>
        <source>Back from {place_name}</source>
        <translation>Zurück aus {place_name}</translation>
    </message>
    <message>
        <source>Back to the chat</source>
        <translation>Zurück zum Chat</translation>
    </message>
    <message>
        <source>Backspace takes the key away, Esc goes back to the list.</source>
        <translation>Die Rücktaste nimmt die Taste weg, Esc kehrt zur Liste zurück.</translation>
    </message>
    <message>
        <source>Begin a new conversation</source>
        <translation>Neue Unterhaltung beginnen</translation>
    </message>
    <message>
        <source>Being answered now.</source>
        <translation>Wird gerade beantwortet.</translation>
    </message>
    <message>
        <source>Branch into a new conversation</source>
        <translation>In eine neue Unterhaltung abzweigen</translation>
    </message>
    <message>
        <source>C&amp;ontinue the answer</source>
        <translation>Antwort &amp;fortsetzen</translation>
    </message>
    <message>
        <source>C&amp;onversation memory</source>
        <translation>S&amp;peicher der Unterhaltungen</translation>
    </message>
    <message>
        <source>CUDA error {0}</source>
        <translation>CUDA-Fehler {0}</translation>
    </message>
    <message>
        <source>CUDA graphs need an NVIDIA card</source>
        <translation>CUDA-Graphen brauchen eine NVIDIA-Karte</translation>
    </message>
    <message>
        <source>Can&apos;t be used</source>
        <translation>Nicht verwendbar</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>Abbrechen</translation>
    </message>
    <message>
        <source>Cancel a download</source>
        <translation>Download abbrechen</translation>
    </message>
    <message>
        <source>Certificates</source>
        <translation>Zertifikate</translation>
    </message>
    <message>
        <source>Changed by you</source>
        <translation>Von Ihnen geändert</translation>
    </message>
    <message>
        <source>Changed since they were imported, and added as copies: {count}.</source>
        <translation>Seit dem Import geändert und als Kopien hinzugefügt: {count}.</translation>
    </message>
    <message>
        <source>Chat</source>
        <translation>Chatten</translation>
    </message>
    <message>
        <source>Chat template</source>
        <translation>Chat-Vorlage</translation>
    </message>
    <message>
        <source>Chat with it</source>
        <translation>Damit chatten</translation>
    </message>
    <message>
        <source>Chat with language models on your own computer. Nothing you write leaves it.</source>
        <translation>Mit Sprachmodellen auf dem eigenen Rechner chatten. Nichts, was Sie schreiben, verlässt ihn.</translation>
    </message>
    <message>
        <source>Check its address in the settings, or remove it.</source>
        <translation>Prüfen Sie seine Adresse in den Einstellungen, oder entfernen Sie sie.</translation>
    </message>
    <message>
        <source>Check its owner and permissions.</source>
        <translation>Prüfen Sie Besitzer und Rechte.</translation>
    </message>
    <message>
        <source>Check that both folders can be written</source>
        <translation>Prüfen Sie, ob beide Ordner beschreibbar sind</translation>
    </message>
    <message>
        <source>Check that the folder is still there and that you may read it.</source>
        <translation>Prüfen Sie, ob der Ordner noch da ist und Sie ihn lesen dürfen.</translation>
    </message>
    <message>
        <source>Check the address of the Hub in the settings.</source>
        <translation>Prüfen Sie die Adresse des Hub in den Einstellungen.</translation>
    </message>
    <message>
        <source>Check the address of the Hub, or try again later.</source>
        <translation>Prüfen Sie die Adresse des Hub, oder versuchen Sie es später noch einmal.</translation>
    </message>
    <message>
        <source>Check the address of the Hub.</source>
        <translation>Prüfen Sie die Adresse des Hub.</translation>
    </message>
    <message>
        <source>Check the addresses of the Hub and of the proxy: https:// or http://.</source>
        <translation>Prüfen Sie die Adressen des Hub und des Proxys: https:// oder http://.</translation>
    </message>
    <message>
        <source>Check the date and time of this computer.</source>
        <translation>Prüfen Sie Datum und Uhrzeit dieses Rechners.</translation>
    </message>
    <message>
        <source>Check the disk, then go on with the download.</source>
        <translation>Prüfen Sie den Datenträger, und setzen Sie den Download dann fort.</translation>
    </message>
    <message>
        <source>Check the folder {folder}.</source>
        <translation>Prüfen Sie den Ordner {folder}.</translation>
    </message>
    <message>
        <source>Check the internet connection and the address of the Hub.</source>
        <translation>Prüfen Sie die Internetverbindung und die Adresse des Hub.</translation>
    </message>
    <message>
        <source>Check the internet connection and try again.</source>
        <translation>Prüfen Sie die Internetverbindung, und versuchen Sie es noch einmal.</translation>
    </message>
    <message>
        <source>Check the internet connection; a firewall may be in the way.</source>
        <translation>Prüfen Sie die Internetverbindung; vielleicht ist eine Firewall im Weg.</translation>
    </message>
    <message>
        <source>Check the name and try again.</source>
        <translation>Prüfen Sie den Namen, und versuchen Sie es noch einmal.</translation>
    </message>
    <message>
        <source>Check the name; a private model is shown only with a token of somebody who may see it.</source>
        <translation>Prüfen Sie den Namen; ein privates Modell wird nur mit einem Token von jemandem gezeigt, der es sehen darf.</translation>
    </message>
    <message>
        <source>Check the name; a private model needs an access token.</source>
        <translation>Prüfen Sie den Namen; ein privates Modell braucht ein Zugangstoken.</translation>
    </message>
    <message>
        <source>Check the proxy&apos;s address.</source>
        <translation>Prüfen Sie die Adresse des Proxys.</translation>
    </message>
    <message>
        <source>Check whether it is connected, then try again.</source>
        <translation>Prüfen Sie, ob sie verbunden sind, und versuchen Sie es dann noch einmal.</translation>
    </message>
    <message>
        <source>Check whether this network wants a login first, then go on with the download.</source>
        <translation>Prüfen Sie, ob dieses Netz zuerst eine Anmeldung will, und setzen Sie den Download dann fort.</translation>
    </message>
    <message>
        <source>Check who owns the folder for downloads, and its permissions.</source>
        <translation>Prüfen Sie, wem der Ordner für Downloads gehört, und seine Rechte.</translation>
    </message>
    <message>
        <source>Checking every byte</source>
        <translation>Jedes Byte wird geprüft</translation>
    </message>
    <message>
        <source>Checking the model</source>
        <translation>Modell wird geprüft</translation>
    </message>
    <message>
        <source>Choose a .gguf file, or the folder that the model&apos;s files lie in.</source>
        <translation>Wählen Sie eine .gguf-Datei, oder den Ordner, in dem die Dateien des Modells liegen.</translation>
    </message>
    <message>
        <source>Choose a file in PEM format</source>
        <translation>Wählen Sie eine Datei im PEM-Format</translation>
    </message>
    <message>
        <source>Choose a folder of your own, on a disk that can hold links.</source>
        <translation>Wählen Sie einen eigenen Ordner, auf einem Datenträger, der Links aufnehmen kann.</translation>
    </message>
    <message>
        <source>Choose a larger context window, or start a new conversation.</source>
        <translation>Wählen Sie ein größeres Kontextfenster, oder beginnen Sie eine neue Unterhaltung.</translation>
    </message>
    <message>
        <source>Choose a model</source>
        <translation>Modell wählen</translation>
    </message>
    <message>
        <source>Choose a model first.</source>
        <translation>Wählen Sie zuerst ein Modell.</translation>
    </message>
    <message>
        <source>Choose a model from the list.</source>
        <translation>Wählen Sie ein Modell aus der Liste.</translation>
    </message>
    <message>
        <source>Choose a smaller model of the same family as draft model, or none.</source>
        <translation>Wählen Sie ein kleineres Modell derselben Familie als Entwurfsmodell, oder keines.</translation>
    </message>
    <message>
        <source>Choose a text-generation (chat or instruct) model.</source>
        <translation>Wählen Sie ein Modell, das Text erzeugt (chat oder instruct).</translation>
    </message>
    <message>
        <source>Choose a version of the model that is not quantized, or a GGUF file of it.</source>
        <translation>Wählen Sie eine Fassung des Modells, die nicht quantisiert ist, oder eine GGUF-Datei davon.</translation>
    </message>
    <message>
        <source>Choose a version of the model that transformers supports without custom code.</source>
        <translation>Wählen Sie eine Fassung des Modells, die transformers ohne eigenen Code unterstützt.</translation>
    </message>
    <message>
        <source>Choose a version of the model with .safetensors files.</source>
        <translation>Wählen Sie eine Fassung des Modells mit .safetensors-Dateien.</translation>
    </message>
    <message>
        <source>Choose a version of the model with config.json and .safetensors files for transformers.</source>
        <translation>Wählen Sie eine Fassung des Modells mit config.json und .safetensors-Dateien für transformers.</translation>
    </message>
    <message>
        <source>Choose a version of the model with ordinary .safetensors files.</source>
        <translation>Wählen Sie eine Fassung des Modells mit gewöhnlichen .safetensors-Dateien.</translation>
    </message>
    <message>
        <source>Choose an action to give it another key.</source>
        <translation>Wählen Sie eine Aktion, um ihr eine andere Taste zu geben.</translation>
    </message>
    <message>
        <source>Choose another folder for the models.</source>
        <translation>Wählen Sie einen anderen Ordner für die Modelle.</translation>
    </message>
    <message>
        <source>Choose another model</source>
        <translation>Anderes Modell wählen</translation>
    </message>
    <message>
        <source>Choose another model, or start a new conversation.</source>
        <translation>Wählen Sie ein anderes Modell, oder beginnen Sie eine neue Unterhaltung.</translation>
    </message>
    <message>
        <source>Choose another model.</source>
        <translation>Wählen Sie ein anderes Modell.</translation>
    </message>
    <message>
        <source>Choose another model…</source>
        <translation>Anderes Modell wählen…</translation>
    </message>
    <message>
        <source>Choose another one with {key}.</source>
        <translation>Mit {key} ein anderes wählen.</translation>
    </message>
    <message>
        <source>Choose another version of the model.</source>
        <translation>Wählen Sie eine andere Fassung des Modells.</translation>
    </message>
    <message>
        <source>Choose auto or bf16.</source>
        <translation>Wählen Sie auto oder bf16.</translation>
    </message>
    <message>
        <source>Choose one with {key}.</source>
        <translation>Mit {key} eines wählen.</translation>
    </message>
    <message>
        <source>Choose the chat or instruct version of this model.</source>
        <translation>Wählen Sie die Fassung chat oder instruct dieses Modells.</translation>
    </message>
    <message>
        <source>Choose the file {0} instead of the folder.</source>
        <translation>Wählen Sie die Datei {0} statt des Ordners.</translation>
    </message>
    <message>
        <source>Choose the folder in which config.json and the .safetensors files lie.</source>
        <translation>Wählen Sie den Ordner, in dem config.json und die .safetensors-Dateien liegen.</translation>
    </message>
    <message>
        <source>Choose the model that it was made for{0}, or a version with the adapter merged.</source>
        <translation>Wählen Sie das Modell, für das er gemacht wurde{0}, oder eine Fassung mit eingerechnetem Adapter.</translation>
    </message>
    <message>
        <source>Choose {label}</source>
        <translation>{label} wählen</translation>
    </message>
    <message>
        <source>Chooses among the most likely words that together have this probability; 1 means all of them.</source>
        <translation>Wählt unter den wahrscheinlichsten Wörtern, die zusammen diese Wahrscheinlichkeit haben; 1 bedeutet alle.</translation>
    </message>
    <message>
        <source>Chooses among this many most likely words; 0 means all of them.</source>
        <translation>Wählt unter so vielen wahrscheinlichsten Wörtern; 0 bedeutet alle.</translation>
    </message>
    <message>
        <source>Choose…</source>
        <translation>Wählen…</translation>
    </message>
    <message>
        <source>Clear</source>
        <translation>Leeren</translation>
    </message>
    <message>
        <source>Clear all warm state</source>
        <translation>Zwischenspeicher leeren</translation>
    </message>
    <message>
        <source>Clear all warm state…</source>
        <translation>Zwischenspeicher leeren…</translation>
    </message>
    <message>
        <source>Clearing frees it. Conversations keep every word, and are read again with their next message.</source>
        <translation>Leeren gibt ihn frei. Unterhaltungen behalten jedes Wort und werden mit ihrer nächsten Nachricht neu gelesen.</translation>
    </message>
    <message>
        <source>Close</source>
        <translation>Schließen</translation>
    </message>
    <message>
        <source>Close it, or try again in a moment.</source>
        <translation>Schließen Sie es, oder versuchen Sie es gleich noch einmal.</translation>
    </message>
    <message>
        <source>Close other programs that use {path}, and start Hearth again.</source>
        <translation>Schließen Sie andere Programme, die {path} verwenden, und starten Sie Hearth neu.</translation>
    </message>
    <message>
        <source>Close other programs, load it with a lower precision, or choose a smaller model.</source>
        <translation>Schließen Sie andere Programme, laden Sie es mit geringerer Genauigkeit, oder wählen Sie ein kleineres Modell.</translation>
    </message>
    <message>
        <source>Close other programs, or choose a smaller context window or a smaller model.</source>
        <translation>Schließen Sie andere Programme, oder wählen Sie weniger Kontext oder ein kleineres Modell.</translation>
    </message>
    <message>
        <source>Close other programs, or choose a smaller model.</source>
        <translation>Schließen Sie andere Programme, oder wählen Sie ein kleineres Modell.</translation>
    </message>
    <message>
        <source>Close other programs, or load the model so that it needs less.</source>
        <translation>Schließen Sie andere Programme, oder laden Sie das Modell so, dass es weniger braucht.</translation>
    </message>
    <message>
        <source>Close the programs that use it, and check that you may change the folder for downloads.</source>
        <translation>Schließen Sie die Programme, die ihn verwenden, und prüfen Sie, ob Sie den Ordner für Downloads ändern dürfen.</translation>
    </message>
    <message>
        <source>Close the programs that use it, and check that you may change the folder it lies in.</source>
        <translation>Schließen Sie die Programme, die es verwenden, und prüfen Sie, ob Sie den Ordner ändern dürfen, in dem es liegt.</translation>
    </message>
    <message>
        <source>Close the programs that use it; they are freed the next time that something is listed or deleted.</source>
        <translation>Schließen Sie die Programme, die sie verwenden; sie werden frei, wenn das nächste Mal etwas aufgelistet oder gelöscht wird.</translation>
    </message>
    <message>
        <source>Colours</source>
        <translation>Farben</translation>
    </message>
    <message>
        <source>Commands</source>
        <translation>Befehle</translation>
    </message>
    <message>
        <source>Comparing with transformers&apos; generate</source>
        <translation>Vergleich mit generate von transformers</translation>
    </message>
    <message>
        <source>Compile the model</source>
        <translation>Modell kompilieren</translation>
    </message>
    <message>
        <source>Compiling transformers&apos; generate, which may take minutes</source>
        <translation>generate von transformers wird kompiliert, das kann Minuten dauern</translation>
    </message>
    <message>
        <source>Connect this computer and try again.</source>
        <translation>Verbinden Sie diesen Rechner, und versuchen Sie es noch einmal.</translation>
    </message>
    <message>
        <source>Context</source>
        <translation>Kontext</translation>
    </message>
    <message>
        <source>Continue</source>
        <translation>Fortsetzen</translation>
    </message>
    <message>
        <source>Conversa&amp;tion settings</source>
        <translation>Einstellungen der Unter&amp;haltung</translation>
    </message>
    <message>
        <source>Conversation</source>
        <translation>Unterhaltung</translation>
    </message>
    <message>
        <source>Conversation &gt; When the conversation is full lets it leave out the oldest messages.</source>
        <translation>„Unterhaltung &gt; Wenn die Unterhaltung voll ist“ lässt es die ältesten Nachrichten weglassen.</translation>
    </message>
    <message>
        <source>Conversation memory</source>
        <translation>Speicher der Unterhaltungen</translation>
    </message>
    <message>
        <source>Conversation settings</source>
        <translation>Einstellungen der Unterhaltung</translation>
    </message>
    <message>
        <source>Conversation so far</source>
        <translation>Unterhaltung bisher</translation>
    </message>
    <message>
        <source>Conversations</source>
        <translation>Unterhaltungen</translation>
    </message>
    <message>
        <source>Conversations (*.json *.jsonl *.zip *.html)</source>
        <translation>Unterhaltungen (*.json *.jsonl *.zip *.html)</translation>
    </message>
    <message>
        <source>Conversations {date}</source>
        <translation>Unterhaltungen {date}</translation>
    </message>
    <message>
        <source>Cop&amp;y</source>
        <translation>Kop&amp;ieren</translation>
    </message>
    <message>
        <source>Copied</source>
        <translation>Kopiert</translation>
    </message>
    <message>
        <source>Copied.</source>
        <translation>Kopiert.</translation>
    </message>
    <message>
        <source>Copy</source>
        <translation>Kopieren</translation>
    </message>
    <message>
        <source>Copy &amp;message</source>
        <translation>Nachricht ko&amp;pieren</translation>
    </message>
    <message>
        <source>Copy LaTeX</source>
        <translation>LaTeX kopieren</translation>
    </message>
    <message>
        <source>Copy as &amp;Markdown</source>
        <translation>Als &amp;Markdown kopieren</translation>
    </message>
    <message>
        <source>Copy code</source>
        <translation>Code kopieren</translation>
    </message>
    <message>
        <source>Copy details</source>
        <translation>Einzelheiten kopieren</translation>
    </message>
    <message>
        <source>Copy ids</source>
        <translation>Ids kopieren</translation>
    </message>
    <message>
        <source>Copy it again from the page that shows it, and enter it once more.</source>
        <translation>Kopieren Sie es noch einmal von der Seite, die es zeigt, und geben Sie es neu ein.</translation>
    </message>
    <message>
        <source>Copy link</source>
        <translation>Link kopieren</translation>
    </message>
    <message>
        <source>Copy table</source>
        <translation>Tabelle kopieren</translation>
    </message>
    <message>
        <source>Copy table as Markdown</source>
        <translation>Tabelle als Markdown kopieren</translation>
    </message>
    <message>
        <source>Copy text</source>
        <translation>Text kopieren</translation>
    </message>
    <message>
        <source>Copy the complete model into the folder, or choose another model.</source>
        <translation>Kopieren Sie das vollständige Modell in den Ordner, oder wählen Sie ein anderes Modell.</translation>
    </message>
    <message>
        <source>Copy this code</source>
        <translation>Diesen Code kopieren</translation>
    </message>
    <message>
        <source>Copy versions</source>
        <translation>Versionen kopieren</translation>
    </message>
    <message>
        <source>Copy what matters into a new one.</source>
        <translation>Kopieren Sie, was wichtig ist, in eine neue.</translation>
    </message>
    <message>
        <source>Copy what matters, and check the disk.</source>
        <translation>Kopieren Sie, was wichtig ist, und prüfen Sie den Datenträger.</translation>
    </message>
    <message>
        <source>Core ML</source>
        <translation>Core ML</translation>
    </message>
    <message>
        <source>Could not be read: {count}.</source>
        <translation>Nicht lesbar: {count}.</translation>
    </message>
    <message>
        <source>Cu&amp;t</source>
        <translation>&amp;Ausschneiden</translation>
    </message>
    <message>
        <source>D&amp;uplicate</source>
        <translation>&amp;Duplizieren</translation>
    </message>
    <message>
        <source>Dark</source>
        <translation>Dunkel</translation>
    </message>
    <message>
        <source>December</source>
        <translation>Dezember</translation>
    </message>
    <message>
        <source>Decoding</source>
        <translation>Dekodierung</translation>
    </message>
    <message>
        <source>Del</source>
        <translation>Entf</translation>
    </message>
    <message>
        <source>Delete</source>
        <translation>Löschen</translation>
    </message>
    <message>
        <source>Delete a model</source>
        <translation>Modell löschen</translation>
    </message>
    <message>
        <source>Delete another model to free space.</source>
        <translation>Löschen Sie ein anderes Modell, um Platz zu schaffen.</translation>
    </message>
    <message>
        <source>Delete the selected conversation</source>
        <translation>Die gewählte Unterhaltung löschen</translation>
    </message>
    <message>
        <source>Delete {name} from this computer?</source>
        <translation>{name} von diesem Rechner löschen?</translation>
    </message>
    <message>
        <source>Delete…</source>
        <translation>Löschen…</translation>
    </message>
    <message>
        <source>Details</source>
        <translation>Einzelheiten</translation>
    </message>
    <message>
        <source>Discard…</source>
        <translation>Verwerfen…</translation>
    </message>
    <message>
        <source>Disk</source>
        <translation>Platte</translation>
    </message>
    <message>
        <source>Disk for warm conversations (GiB)</source>
        <translation>Plattenspeicher für warme Unterhaltungen (GiB)</translation>
    </message>
    <message>
        <source>Dismiss</source>
        <translation>Ausblenden</translation>
    </message>
    <message>
        <source>Does not fit</source>
        <translation>Passt nicht</translation>
    </message>
    <message>
        <source>Double size (FP32)</source>
        <translation>Doppelte Größe (FP32)</translation>
    </message>
    <message>
        <source>Download</source>
        <translation>Herunterladen</translation>
    </message>
    <message>
        <source>Download</source>
        <comment>noun</comment>
        <translation>Download</translation>
    </message>
    <message>
        <source>Download and chat</source>
        <translation>Herunterladen und chatten</translation>
    </message>
    <message>
        <source>Download it again, or choose another model.</source>
        <translation>Laden Sie es noch einmal herunter, oder wählen Sie ein anderes Modell.</translation>
    </message>
    <message>
        <source>Download it again, or use the model&apos;s safetensors version.</source>
        <translation>Laden Sie es noch einmal herunter, oder verwenden Sie die safetensors-Fassung des Modells.</translation>
    </message>
    <message>
        <source>Download or copy the model again to repair it.</source>
        <translation>Laden Sie das Modell noch einmal herunter, oder kopieren Sie es neu, um es zu reparieren.</translation>
    </message>
    <message>
        <source>Download {0} again to repair it.</source>
        <translation>Laden Sie {0} noch einmal herunter, um es zu reparieren.</translation>
    </message>
    <message>
        <source>Downloaded</source>
        <translation>Heruntergeladen</translation>
    </message>
    <message>
        <source>Downloads</source>
        <translation>Downloads</translation>
    </message>
    <message>
        <source>Downloads are switched off (HF_HUB_OFFLINE is set).</source>
        <translation>Downloads sind abgeschaltet (HF_HUB_OFFLINE ist gesetzt).</translation>
    </message>
    <message>
        <source>Downloads: {words}</source>
        <translation>Downloads: {words}</translation>
    </message>
    <message>
        <source>Draft model</source>
        <translation>Entwurfsmodell</translation>
    </message>
    <message>
        <source>Drop files to attach them</source>
        <translation>Dateien hier ablegen, um sie anzuhängen</translation>
    </message>
    <message>
        <source>Drop the text to add it to your message</source>
        <translation>Text hier ablegen, um ihn in Ihre Nachricht einzufügen</translation>
    </message>
    <message>
        <source>Drop to import conversations</source>
        <translation>Ablegen, um Unterhaltungen zu importieren</translation>
    </message>
    <message>
        <source>Dupli&amp;cate conversation</source>
        <translation>Unterhaltung &amp;duplizieren</translation>
    </message>
    <message>
        <source>Each action of the menus may have the keys that you like best.</source>
        <translation>Jede Aktion der Menüs kann die Tasten haben, die Ihnen am liebsten sind.</translation>
    </message>
    <message>
        <source>Ed&amp;it message</source>
        <translation>Nachr&amp;icht bearbeiten</translation>
    </message>
    <message>
        <source>Edit</source>
        <translation>Bearbeiten</translation>
    </message>
    <message>
        <source>Edit message</source>
        <translation>Nachricht bearbeiten</translation>
    </message>
    <message>
        <source>Edit the answer</source>
        <translation>Antwort bearbeiten</translation>
    </message>
    <message>
        <source>Edit waiting message {place}</source>
        <translation>Wartende Nachricht {place} bearbeiten</translation>
    </message>
    <message>
        <source>Edit your last message (in an empty composer)</source>
        <translation>Letzte Nachricht bearbeiten (bei leerem Eingabefeld)</translation>
    </message>
    <message>
        <source>Edit your message</source>
        <translation>Nachricht bearbeiten</translation>
    </message>
    <message>
        <source>Edited by you; the version beside it is what the model wrote.</source>
        <translation>Von Ihnen bearbeitet; die Fassung daneben hat das Modell geschrieben.</translation>
    </message>
    <message>
        <source>End of the table</source>
        <translation>Ende der Tabelle</translation>
    </message>
    <message>
        <source>End the thinking and let the model answer</source>
        <translation>Das Nachdenken beenden und das Modell antworten lassen</translation>
    </message>
    <message>
        <source>Ended because</source>
        <translation>Endete, weil</translation>
    </message>
    <message>
        <source>Ending the thinking</source>
        <translation>Beendet das Nachdenken</translation>
    </message>
    <message>
        <source>Enter</source>
        <translation>Eingabe</translation>
    </message>
    <message>
        <source>Enter a token…</source>
        <translation>Token eingeben…</translation>
    </message>
    <message>
        <source>Enter begins, Backspace takes the key away.</source>
        <translation>Die Eingabetaste beginnt, die Rücktaste nimmt die Taste weg.</translation>
    </message>
    <message>
        <source>Enter its address as http://name:password@proxy.example:8080.</source>
        <translation>Geben Sie seine Adresse als http://name:passwort@proxy.example:8080 ein.</translation>
    </message>
    <message>
        <source>Enter one and try again.</source>
        <translation>Geben Sie eines ein, und versuchen Sie es noch einmal.</translation>
    </message>
    <message>
        <source>Enter the access token in its own field</source>
        <translation>Geben Sie das Zugangstoken in seinem eigenen Feld ein</translation>
    </message>
    <message>
        <source>Enter the address of an HTTP proxy</source>
        <translation>Geben Sie die Adresse eines HTTP-Proxys ein</translation>
    </message>
    <message>
        <source>Esc</source>
        <translation>Esc</translation>
    </message>
    <message>
        <source>Everything, to be imported again (*.json)</source>
        <translation>Alles, um es wieder zu importieren (*.json)</translation>
    </message>
    <message>
        <source>Explain something</source>
        <translation>Etwas erklären</translation>
    </message>
    <message>
        <source>Explain why the sky is blue, in simple words.</source>
        <translation>Erkläre in einfachen Worten, warum der Himmel blau ist.</translation>
    </message>
    <message>
        <source>Export conversations</source>
        <translation>Unterhaltungen exportieren</translation>
    </message>
    <message>
        <source>Export fewer conversations into each file.</source>
        <translation>Exportieren Sie weniger Unterhaltungen in jede Datei.</translation>
    </message>
    <message>
        <source>Exporting conversations: {done} of {total}</source>
        <translation>Unterhaltungen werden exportiert: {done} von {total}</translation>
    </message>
    <message>
        <source>Exports of Hearth, ChatGPT, LM Studio, Open WebUI and Jan</source>
        <translation>Exporte aus Hearth, ChatGPT, LM Studio, Open WebUI und Jan</translation>
    </message>
    <message>
        <source>F2</source>
        <translation>F2</translation>
    </message>
    <message>
        <source>FBGEMM FP8</source>
        <translation>FBGEMM FP8</translation>
    </message>
    <message>
        <source>February</source>
        <translation>Februar</translation>
    </message>
    <message>
        <source>Files that could not be read to their end: {count}.</source>
        <translation>Nicht bis zum Ende lesbare Dateien: {count}.</translation>
    </message>
    <message>
        <source>Find</source>
        <translation>Suchen</translation>
    </message>
    <message>
        <source>Find &amp;next</source>
        <translation>Wei&amp;tersuchen</translation>
    </message>
    <message>
        <source>Find a model</source>
        <translation>Modell suchen</translation>
    </message>
    <message>
        <source>Find in this conversation</source>
        <translation>In dieser Unterhaltung suchen</translation>
    </message>
    <message>
        <source>Find more models</source>
        <translation>Weitere Modelle suchen</translation>
    </message>
    <message>
        <source>Find one that suits it; this takes a few minutes.</source>
        <translation>Suchen Sie eines, das zu ihm passt; das dauert ein paar Minuten.</translation>
    </message>
    <message>
        <source>Find pre&amp;vious</source>
        <translation>Rückwärts su&amp;chen</translation>
    </message>
    <message>
        <source>First start</source>
        <translation>Erster Start</translation>
    </message>
    <message>
        <source>First token after</source>
        <translation>Erstes Token nach</translation>
    </message>
    <message>
        <source>Fits ({precision})</source>
        <translation>Passt ({precision})</translation>
    </message>
    <message>
        <source>Fits with less context</source>
        <translation>Passt mit weniger Kontext</translation>
    </message>
    <message>
        <source>Folder for downloads</source>
        <translation>Ordner für Downloads</translation>
    </message>
    <message>
        <source>Folder, closed</source>
        <translation>Ordner, geschlossen</translation>
    </message>
    <message>
        <source>Folder, open</source>
        <translation>Ordner, offen</translation>
    </message>
    <message>
        <source>Folders with models</source>
        <translation>Ordner mit Modellen</translation>
    </message>
    <message>
        <source>Forget</source>
        <translation>Vergessen</translation>
    </message>
    <message>
        <source>Forget what the model has read of all conversations?</source>
        <translation>Vergessen, was das Modell von allen Unterhaltungen gelesen hat?</translation>
    </message>
    <message>
        <source>Formula: {latex}</source>
        <translation>Formel: {latex}</translation>
    </message>
    <message>
        <source>Found</source>
        <translation>Gefunden</translation>
    </message>
    <message>
        <source>Four Over Six</source>
        <translation>Four Over Six</translation>
    </message>
    <message>
        <source>Free some space</source>
        <translation>Schaffen Sie etwas Platz</translation>
    </message>
    <message>
        <source>Free some space and go on with the download; what has arrived is kept.</source>
        <translation>Schaffen Sie etwas Platz, und setzen Sie den Download fort; was angekommen ist, bleibt erhalten.</translation>
    </message>
    <message>
        <source>Free some space and try again.</source>
        <translation>Schaffen Sie etwas Platz, und versuchen Sie es noch einmal.</translation>
    </message>
    <message>
        <source>Free some space or check that the data folder can be written, then try again.</source>
        <translation>Schaffen Sie etwas Platz, oder prüfen Sie, ob der Datenordner beschreibbar ist, und versuchen Sie es dann noch einmal.</translation>
    </message>
    <message>
        <source>Free some space there, delete models that you no longer need, or choose another folder.</source>
        <translation>Schaffen Sie dort etwas Platz, löschen Sie Modelle, die Sie nicht mehr brauchen, oder wählen Sie einen anderen Ordner.</translation>
    </message>
    <message>
        <source>Free some space.</source>
        <translation>Schaffen Sie etwas Platz.</translation>
    </message>
    <message>
        <source>Free some space; Hearth then tries again.</source>
        <translation>Schaffen Sie etwas Platz; Hearth versucht es dann noch einmal.</translation>
    </message>
    <message>
        <source>Frees what is kept of the chosen conversations. Their text stays.</source>
        <translation>Gibt frei, was von den gewählten Unterhaltungen vorgehalten wird. Ihr Text bleibt.</translation>
    </message>
    <message>
        <source>From</source>
        <translation>Von</translation>
    </message>
    <message>
        <source>Full</source>
        <translation>Voll</translation>
    </message>
    <message>
        <source>Full (BF16 or FP16)</source>
        <translation>Voll (BF16 oder FP16)</translation>
    </message>
    <message>
        <source>GGUF file</source>
        <translation>GGUF-Datei</translation>
    </message>
    <message>
        <source>GGUF models (*.gguf)</source>
        <translation>GGUF-Modelle (*.gguf)</translation>
    </message>
    <message>
        <source>GPU memory</source>
        <translation>Grafikspeicher</translation>
    </message>
    <message>
        <source>GPU memory for warm conversations (GiB)</source>
        <translation>Grafikspeicher für warme Unterhaltungen (GiB)</translation>
    </message>
    <message>
        <source>General</source>
        <translation>Allgemein</translation>
    </message>
    <message>
        <source>Generated</source>
        <translation>Erzeugt</translation>
    </message>
    <message>
        <source>GiB of weights</source>
        <translation>GiB Gewichte</translation>
    </message>
    <message>
        <source>Give it the right to read this model (gated ones too), or make a new one with the role “read”.</source>
        <translation>Geben Sie ihm das Recht, dieses Modell zu lesen (auch geschützte), oder erstellen Sie ein neues mit der Rolle „read“.</translation>
    </message>
    <message>
        <source>Give me three ideas for a quick dinner with eggs.</source>
        <translation>Gib mir drei Ideen für ein schnelles Abendessen mit Eiern.</translation>
    </message>
    <message>
        <source>Give this conversation a title of two to six words, in its own language. Answer with nothing but the title.</source>
        <translation>Give this conversation a title of two to six words, in its own language. Answer with nothing but the title.</translation>
    </message>
    <message>
        <source>Go to the &amp;newest message</source>
        <translation>Zur &amp;neuesten Nachricht</translation>
    </message>
    <message>
        <source>Go to the newest message</source>
        <translation>Zur neuesten Nachricht</translation>
    </message>
    <message>
        <source>Go to the page for problems…</source>
        <translation>Zur Seite für Probleme…</translation>
    </message>
    <message>
        <source>Good models to begin with</source>
        <translation>Gute Modelle für den Anfang</translation>
    </message>
    <message>
        <source>Graphics card {0}</source>
        <translation>Grafikkarte {0}</translation>
    </message>
    <message>
        <source>Guess ahead</source>
        <translation>Vorausraten</translation>
    </message>
    <message>
        <source>Guessed ahead</source>
        <translation>Vorausgeraten</translation>
    </message>
    <message>
        <source>Half size (INT8)</source>
        <translation>Halbe Größe (INT8)</translation>
    </message>
    <message>
        <source>Heading {level}: {words}</source>
        <translation>Überschrift {level}: {words}</translation>
    </message>
    <message>
        <source>Hearth also lists models and GGUF files that lie here.</source>
        <translation>Hearth führt auch Modelle und GGUF-Dateien auf, die hier liegen.</translation>
    </message>
    <message>
        <source>Hearth asks nothing of any network: no search, no download. Models on this computer answer as always.</source>
        <translation>Hearth fragt kein Netz nach irgendetwas: keine Suche, kein Download. Modelle auf diesem Rechner antworten wie immer.</translation>
    </message>
    <message>
        <source>Hearth can load the model so that it needs less memory, and then go on:</source>
        <translation>Hearth kann das Modell so laden, dass es weniger Speicher braucht, und dann weitermachen:</translation>
    </message>
    <message>
        <source>Hearth can&apos;t use the folder {folder} ({reason}).</source>
        <translation>Hearth kann den Ordner {folder} nicht verwenden ({reason}).</translation>
    </message>
    <message>
        <source>Hearth has a token for this address, {where}.</source>
        <translation>Hearth hat ein Token für diese Adresse, {where}.</translation>
    </message>
    <message>
        <source>Hearth has a token.</source>
        <translation>Hearth hat ein Token.</translation>
    </message>
    <message>
        <source>Hearth is set to work offline, so the Hub is not asked.</source>
        <translation>Hearth ist auf Offline-Arbeit gestellt, daher wird der Hub nicht gefragt.</translation>
    </message>
    <message>
        <source>Hearth was closed before {name} was read to its end. Import it again, and what is missing is added.</source>
        <translation>Hearth wurde geschlossen, bevor {name} zu Ende gelesen war. Importieren Sie die Datei noch einmal, dann kommt hinzu, was fehlt.</translation>
    </message>
    <message>
        <source>Hearth was closed before {name} was written, so it was not. Export it again.</source>
        <translation>Hearth wurde geschlossen, bevor {name} geschrieben war; die Datei gibt es deshalb nicht. Exportieren Sie noch einmal.</translation>
    </message>
    <message>
        <source>Hearth works offline</source>
        <translation>Hearth arbeitet offline</translation>
    </message>
    <message>
        <source>Hearth works offline, so nothing can be downloaded now. The small model that comes with Hearth answers without any network.</source>
        <translation>Hearth arbeitet offline, daher kann jetzt nichts heruntergeladen werden. Das kleine Modell, das zu Hearth gehört, antwortet ohne jedes Netz.</translation>
    </message>
    <message>
        <source>Hide the thoughts</source>
        <translation>Gedanken verbergen</translation>
    </message>
    <message>
        <source>High</source>
        <translation>Viel</translation>
    </message>
    <message>
        <source>How exactly the model&apos;s numbers are kept. Full is closest to what was published. INT8 takes about half the memory with hardly a difference; INT4 about a third, with slightly worse answers. Automatic takes the best that fits.</source>
        <translation>Wie genau die Zahlen des Modells gehalten werden. Voll entspricht am ehesten dem, was veröffentlicht wurde. INT8 braucht etwa die Hälfte des Speichers bei kaum einem Unterschied; INT4 etwa ein Drittel, mit etwas schlechteren Antworten. Automatisch nimmt das Beste, was passt.</translation>
    </message>
    <message>
        <source>How it would fit can&apos;t be told</source>
        <translation>Ob es passt, lässt sich nicht sagen</translation>
    </message>
    <message>
        <source>How much of a conversation the model can look at, in tokens (about three quarters of a word each). More takes more memory.</source>
        <translation>Wie viel von einer Unterhaltung das Modell überblicken kann, in Tokens (je etwa drei Viertel eines Wortes). Mehr braucht mehr Speicher.</translation>
    </message>
    <message>
        <source>I&amp;mport…</source>
        <translation>I&amp;mportieren…</translation>
    </message>
    <message>
        <source>INT8 weights times {0} activations: {1}.</source>
        <translation>INT8-Gewichte mal {0}-Aktivierungen: {1}.</translation>
    </message>
    <message>
        <source>If it happens again, choose a smaller model, a smaller context window or a lower precision.</source>
        <translation>Wenn es wieder vorkommt, wählen Sie ein kleineres Modell, weniger Kontext oder eine geringere Genauigkeit.</translation>
    </message>
    <message>
        <source>If the computer has slept, “sudo rmmod nvidia_uvm” and then “sudo modprobe nvidia_uvm” often bring the card back without a restart of the computer; then load the model again.</source>
        <translation>Wenn der Rechner geschlafen hat, bringen „sudo rmmod nvidia_uvm“ und danach „sudo modprobe nvidia_uvm“ die Karte oft ohne Neustart des Rechners zurück; laden Sie dann das Modell noch einmal.</translation>
    </message>
    <message>
        <source>If this network has a login page, log in first; else check the address.</source>
        <translation>Wenn dieses Netz eine Anmeldeseite hat, melden Sie sich zuerst an; sonst prüfen Sie die Adresse.</translation>
    </message>
    <message>
        <source>If your organisation checks connections, choose its certificates under “Certificates” in the settings.</source>
        <translation>Wenn Ihre Organisation Verbindungen prüft, wählen Sie deren Zertifikate unter „Zertifikate“ in den Einstellungen.</translation>
    </message>
    <message>
        <source>Import</source>
        <translation>Importieren</translation>
    </message>
    <message>
        <source>Import conversations</source>
        <translation>Unterhaltungen importieren</translation>
    </message>
    <message>
        <source>Imported from {program}</source>
        <translation>Importiert aus {program}</translation>
    </message>
    <message>
        <source>Imported one conversation from {program}.</source>
        <translation>Eine Unterhaltung aus {program} wurde importiert.</translation>
    </message>
    <message>
        <source>Imported {count} conversations from {program}.</source>
        <translation>{count} Unterhaltungen aus {program} wurden importiert.</translation>
    </message>
    <message>
        <source>Imported {count} conversations.</source>
        <translation>{count} Unterhaltungen wurden importiert.</translation>
    </message>
    <message>
        <source>Importing conversations: {count}</source>
        <translation>Unterhaltungen werden importiert: {count}</translation>
    </message>
    <message>
        <source>In RAM</source>
        <translation>Im RAM</translation>
    </message>
    <message>
        <source>In RAM: {amount} are copied back at once instead of being read again.</source>
        <translation>Im RAM: {amount} werden sofort zurückkopiert, statt neu gelesen zu werden.</translation>
    </message>
    <message>
        <source>In RAM: {amount} is copied back at once instead of being read again.</source>
        <translation>Im RAM: {amount} wird sofort zurückkopiert, statt neu gelesen zu werden.</translation>
    </message>
    <message>
        <source>In main memory: parts for pictures or sound, which no text needs.</source>
        <translation>Im Arbeitsspeicher: Teile für Bilder oder Ton, die kein Text braucht.</translation>
    </message>
    <message>
        <source>In main memory: {parts}.</source>
        <translation>Im Arbeitsspeicher: {parts}.</translation>
    </message>
    <message>
        <source>In place</source>
        <translation>Einsatzbereit</translation>
    </message>
    <message>
        <source>In the folder for downloads, a file stands where a folder should be, or the other way round.</source>
        <translation>Im Ordner für Downloads steht eine Datei, wo ein Ordner sein sollte, oder umgekehrt.</translation>
    </message>
    <message>
        <source>In the settings for {model}, {bad} The usual value is used.</source>
        <translation>In den Einstellungen für {model}: {bad} Der übliche Wert wird verwendet.</translation>
    </message>
    <message>
        <source>In the settings, the key of “{name}” can&apos;t be read.</source>
        <translation>In den Einstellungen ist die Taste von „{name}“ nicht lesbar.</translation>
    </message>
    <message>
        <source>In the settings, what is set for single models can&apos;t be read.</source>
        <translation>In den Einstellungen lässt sich nicht lesen, was für einzelne Modelle festgelegt ist.</translation>
    </message>
    <message>
        <source>In the settings, what is set for {model} can&apos;t be read.</source>
        <translation>In den Einstellungen lässt sich nicht lesen, was für {model} festgelegt ist.</translation>
    </message>
    <message>
        <source>In the settings, {bad} The usual value is used.</source>
        <translation>In den Einstellungen: {bad} Es gilt der übliche Wert.</translation>
    </message>
    <message>
        <source>In this archive is no file with conversations that Hearth knows.</source>
        <translation>In diesem Archiv ist keine Datei mit Unterhaltungen, die Hearth kennt.</translation>
    </message>
    <message>
        <source>In this folder is no file with conversations that Hearth knows.</source>
        <translation>In diesem Ordner ist keine Datei mit Unterhaltungen, die Hearth kennt.</translation>
    </message>
    <message>
        <source>In {name}: {place}</source>
        <translation>In {name}: {place}</translation>
    </message>
    <message>
        <source>In “{title}”: {message}</source>
        <translation>In „{title}“: {message}</translation>
    </message>
    <message>
        <source>Install it (pip install bitsandbytes), or choose auto.</source>
        <translation>Installieren Sie es (pip install bitsandbytes), oder wählen Sie auto.</translation>
    </message>
    <message>
        <source>Install the newer Hearth again; the file was left as it is.</source>
        <translation>Installieren Sie wieder das neuere Hearth; die Datei wurde nicht verändert.</translation>
    </message>
    <message>
        <source>Instructions and settings of this conversation</source>
        <translation>Anweisungen und Einstellungen dieser Unterhaltung</translation>
    </message>
    <message>
        <source>Instructions for new conversations</source>
        <translation>Anweisungen für neue Unterhaltungen</translation>
    </message>
    <message>
        <source>Instructions of this conversation</source>
        <translation>Anweisungen dieser Unterhaltung</translation>
    </message>
    <message>
        <source>It answers as the Hub does.</source>
        <translation>Es antwortet, wie es der Hub tut.</translation>
    </message>
    <message>
        <source>It can be downloaded again.</source>
        <translation>Es kann wieder heruntergeladen werden.</translation>
    </message>
    <message>
        <source>It can&apos;t be brought back.</source>
        <translation>Es lässt sich nicht zurückholen.</translation>
    </message>
    <message>
        <source>It does not write text ({0}).</source>
        <translation>Es schreibt keinen Text ({0}).</translation>
    </message>
    <message>
        <source>It has no files yet.</source>
        <translation>Es hat noch keine Dateien.</translation>
    </message>
    <message>
        <source>It has no weights in .safetensors files.</source>
        <translation>Es hat keine Gewichte im .safetensors-Format.</translation>
    </message>
    <message>
        <source>It has to look like http://proxy.example:8080</source>
        <translation>Sie muss aussehen wie http://proxy.example:8080</translation>
    </message>
    <message>
        <source>It has to look like https://huggingface.co</source>
        <translation>Sie muss aussehen wie https://huggingface.co</translation>
    </message>
    <message>
        <source>It is accepted and belongs to {0}.</source>
        <translation>Es wird angenommen und gehört {0}.</translation>
    </message>
    <message>
        <source>It is accepted.</source>
        <translation>Es wird angenommen.</translation>
    </message>
    <message>
        <source>It is an adapter (LoRA) for another model, not a model by itself.</source>
        <translation>Es ist ein Adapter (LoRA) für ein anderes Modell, kein eigenständiges Modell.</translation>
    </message>
    <message>
        <source>It is made for something else than chatting ({0}).</source>
        <translation>Es ist für etwas anderes als Chatten gemacht ({0}).</translation>
    </message>
    <message>
        <source>It is on this computer.</source>
        <translation>Es ist auf diesem Rechner.</translation>
    </message>
    <message>
        <source>It is on this computer. What is new on the Hub takes {size}.</source>
        <translation>Es ist auf diesem Rechner. Was auf dem Hub neu ist, braucht {size}.</translation>
    </message>
    <message>
        <source>It is only there as GGUF files; Hearth downloads .safetensors files only.</source>
        <translation>Es gibt es nur als GGUF-Dateien; Hearth lädt nur .safetensors-Dateien herunter.</translation>
    </message>
    <message>
        <source>It is packed again from {0}.</source>
        <translation>Es wird aus {0} neu gepackt.</translation>
    </message>
    <message>
        <source>It is published in a quantized form ({0})</source>
        <translation>Es ist quantisiert veröffentlicht ({0})</translation>
    </message>
    <message>
        <source>It is sent only to {address}, and never written to a file or a log of Hearth.</source>
        <translation>Es wird nur an {address} gesendet und steht in keiner Datei von Hearth und in keinem Protokoll.</translation>
    </message>
    <message>
        <source>It is too long to be edited as a message.</source>
        <translation>Es ist zu lang, um als Nachricht bearbeitet zu werden.</translation>
    </message>
    <message>
        <source>It is unpacked from {0}.</source>
        <translation>Es wird aus {0} entpackt.</translation>
    </message>
    <message>
        <source>It makes pictures, films or sounds, no text.</source>
        <translation>Es erzeugt Bilder, Filme oder Töne, keinen Text.</translation>
    </message>
    <message>
        <source>It only proposes words to another model and reads no text by itself.</source>
        <translation>Es schlägt nur einem anderen Modell Wörter vor und liest selbst keinen Text.</translation>
    </message>
    <message>
        <source>It reads its own, and those of ChatGPT, LM Studio, Open WebUI and Jan.</source>
        <translation>Es liest seine eigenen und die von ChatGPT, LM Studio, Open WebUI und Jan.</translation>
    </message>
    <message>
        <source>It turns one text into another and holds no conversation.</source>
        <translation>Es macht aus einem Text einen anderen und führt keine Unterhaltung.</translation>
    </message>
    <message>
        <source>It turns texts into numbers for searching and writes none.</source>
        <translation>Es macht aus Texten Zahlen für die Suche und schreibt keine.</translation>
    </message>
    <message>
        <source>It wants to run its own program code, which Hearth does not allow.</source>
        <translation>Es will eigenen Programmcode ausführen, was Hearth nicht zulässt.</translation>
    </message>
    <message>
        <source>It was deleted, or begun in a terminal after this window opened.</source>
        <translation>Sie wurde gelöscht, oder in einem Terminal begonnen, nachdem dieses Fenster geöffnet wurde.</translation>
    </message>
    <message>
        <source>It was disabled by the Hub.</source>
        <translation>Es wurde vom Hub gesperrt.</translation>
    </message>
    <message>
        <source>It was interrupted.</source>
        <translation>Sie wurde unterbrochen.</translation>
    </message>
    <message>
        <source>Its certificate is in order.</source>
        <translation>Sein Zertifikat ist in Ordnung.</translation>
    </message>
    <message>
        <source>Its config.json is missing, so it is not made for transformers.</source>
        <translation>Seine config.json fehlt, es ist also nicht für transformers gemacht.</translation>
    </message>
    <message>
        <source>Its configuration does not say what kind of model it is.</source>
        <translation>Seine Konfiguration sagt nicht, was für ein Modell es ist.</translation>
    </message>
    <message>
        <source>Its files lie in {folder}.</source>
        <translation>Die Dateien liegen in {folder}.</translation>
    </message>
    <message>
        <source>Its weights are only there for another program.</source>
        <translation>Seine Gewichte gibt es nur für ein anderes Programm.</translation>
    </message>
    <message>
        <source>Its weights are only there in Mistral&apos;s own format (consolidated.safetensors).</source>
        <translation>Seine Gewichte gibt es nur in Mistrals eigenem Format (consolidated.safetensors).</translation>
    </message>
    <message>
        <source>Its weights are only there in a format that can run code (pickle).</source>
        <translation>Seine Gewichte gibt es nur in einem Format, das Code ausführen kann (pickle).</translation>
    </message>
    <message>
        <source>January</source>
        <translation>Januar</translation>
    </message>
    <message>
        <source>July</source>
        <translation>Juli</translation>
    </message>
    <message>
        <source>June</source>
        <translation>Juni</translation>
    </message>
    <message>
        <source>Keep it in the system&apos;s keyring</source>
        <translation>Im Schlüsselbund des Systems aufbewahren</translation>
    </message>
    <message>
        <source>Keyboard shortcuts</source>
        <translation>Tastenkürzel</translation>
    </message>
    <message>
        <source>Known, from disk</source>
        <translation>Bekannt, von der Platte</translation>
    </message>
    <message>
        <source>Known, from memory</source>
        <translation>Bekannt, aus dem Speicher</translation>
    </message>
    <message>
        <source>Known, in place</source>
        <translation>Bekannt, einsatzbereit</translation>
    </message>
    <message>
        <source>L&amp;ight</source>
        <translation>H&amp;ell</translation>
    </message>
    <message>
        <source>Language</source>
        <translation>Sprache</translation>
    </message>
    <message>
        <source>Learn something</source>
        <translation>Etwas lernen</translation>
    </message>
    <message>
        <source>Least likely word (min p)</source>
        <translation>Unwahrscheinlichstes Wort (min p)</translation>
    </message>
    <message>
        <source>Leave out the oldest messages</source>
        <translation>Älteste Nachrichten weglassen</translation>
    </message>
    <message>
        <source>Leave the precision to Hearth (auto), or choose a smaller model.</source>
        <translation>Überlassen Sie die Genauigkeit Hearth (auto), oder wählen Sie ein kleineres Modell.</translation>
    </message>
    <message>
        <source>Leave the revision out to delete all that is there.</source>
        <translation>Lassen Sie die Revision weg, um alles zu löschen, was da ist.</translation>
    </message>
    <message>
        <source>Leave thinking to the mo&amp;del</source>
        <translation>&amp;Das Nachdenken dem Modell überlassen</translation>
    </message>
    <message>
        <source>Leaves out words that are less than this share as likely as the best one; 0 leaves out none.</source>
        <translation>Lässt Wörter weg, die weniger als diesen Anteil so wahrscheinlich sind wie das beste; 0 lässt keine weg.</translation>
    </message>
    <message>
        <source>Let Hearth choose</source>
        <translation>Hearth wählen lassen</translation>
    </message>
    <message>
        <source>Let the model think before it answers, which takes longer and helps with hard questions.</source>
        <translation>Das Modell vor der Antwort nachdenken lassen; das dauert länger und hilft bei schwierigen Fragen.</translation>
    </message>
    <message>
        <source>Let the model write titles</source>
        <translation>Das Modell Titel schreiben lassen</translation>
    </message>
    <message>
        <source>Licence</source>
        <translation>Lizenz</translation>
    </message>
    <message>
        <source>Licences</source>
        <translation>Lizenzen</translation>
    </message>
    <message>
        <source>Light</source>
        <translation>Hell</translation>
    </message>
    <message>
        <source>Light, dark, or the same as the rest of your desktop.</source>
        <translation>Hell, dunkel oder wie der Rest Ihres Desktops.</translation>
    </message>
    <message>
        <source>Likes</source>
        <translation>„Gefällt mir“</translation>
    </message>
    <message>
        <source>Load again</source>
        <translation>Noch einmal laden</translation>
    </message>
    <message>
        <source>Load in BF16</source>
        <translation>In BF16 laden</translation>
    </message>
    <message>
        <source>Load in FP32</source>
        <translation>In FP32 laden</translation>
    </message>
    <message>
        <source>Load in INT4</source>
        <translation>In INT4 laden</translation>
    </message>
    <message>
        <source>Load in INT8</source>
        <translation>In INT8 laden</translation>
    </message>
    <message>
        <source>Load it again; it is prepared anew.</source>
        <translation>Laden Sie es noch einmal; es wird neu vorbereitet.</translation>
    </message>
    <message>
        <source>Load it in FP32, or download it again.</source>
        <translation>Laden Sie es in FP32, oder laden Sie es neu herunter.</translation>
    </message>
    <message>
        <source>Load it in another precision, or choose another model.</source>
        <translation>Laden Sie es in einer anderen Genauigkeit, oder wählen Sie ein anderes Modell.</translation>
    </message>
    <message>
        <source>Load the model</source>
        <translation>Modell laden</translation>
    </message>
    <message>
        <source>Load the model again.</source>
        <translation>Laden Sie das Modell noch einmal.</translation>
    </message>
    <message>
        <source>Load without a draft model</source>
        <translation>Ohne Entwurfsmodell laden</translation>
    </message>
    <message>
        <source>Loading the model</source>
        <translation>Modell wird geladen</translation>
    </message>
    <message>
        <source>Loading weights</source>
        <translation>Gewichte werden geladen</translation>
    </message>
    <message>
        <source>Loading {name} after this answer</source>
        <translation>{name} wird nach dieser Antwort geladen</translation>
    </message>
    <message>
        <source>Longest answer</source>
        <translation>Längste Antwort</translation>
    </message>
    <message>
        <source>Look again what is on this computer</source>
        <translation>Noch einmal nachsehen, was auf diesem Rechner ist</translation>
    </message>
    <message>
        <source>Look it up again; it may have changed on the Hub.</source>
        <translation>Schlagen Sie es neu nach; es kann sich auf dem Hub geändert haben.</translation>
    </message>
    <message>
        <source>Looking at this computer…</source>
        <translation>Dieser Rechner wird angesehen …</translation>
    </message>
    <message>
        <source>Looking…</source>
        <translation>Wird angesehen …</translation>
    </message>
    <message>
        <source>Low</source>
        <translation>Wenig</translation>
    </message>
    <message>
        <source>MPS; {0}; torch {1}</source>
        <translation>MPS; {0}; torch {1}</translation>
    </message>
    <message>
        <source>Mac&apos;s graphics processor</source>
        <translation>Grafikprozessor des Mac</translation>
    </message>
    <message>
        <source>Main memory</source>
        <translation>Arbeitsspeicher</translation>
    </message>
    <message>
        <source>Main memory has {0} GiB free and can&apos;t take the rest.</source>
        <translation>Der Hauptspeicher hat {0} GiB frei und kann den Rest nicht aufnehmen.</translation>
    </message>
    <message>
        <source>Make a new one and enter it.</source>
        <translation>Erstellen Sie ein neues, und geben Sie es ein.</translation>
    </message>
    <message>
        <source>Make a token…</source>
        <translation>Token erstellen…</translation>
    </message>
    <message>
        <source>Make it writable, or set HEARTH_HOME to another one.</source>
        <translation>Machen Sie ihn beschreibbar, oder setzen Sie HEARTH_HOME auf einen anderen.</translation>
    </message>
    <message>
        <source>Make that folder writable, or set HEARTH_HOME to another one.</source>
        <translation>Machen Sie diesen Ordner beschreibbar, oder setzen Sie HEARTH_HOME auf einen anderen.</translation>
    </message>
    <message>
        <source>Make the folder writable, or set HEARTH_HOME to another one.</source>
        <translation>Machen Sie den Ordner beschreibbar, oder setzen Sie HEARTH_HOME auf einen anderen.</translation>
    </message>
    <message>
        <source>Make {folder} writable, or free some space.</source>
        <translation>Machen Sie {folder} beschreibbar, oder schaffen Sie etwas Platz.</translation>
    </message>
    <message>
        <source>Making random weights</source>
        <translation>Zufällige Gewichte werden erzeugt</translation>
    </message>
    <message>
        <source>March</source>
        <translation>März</translation>
    </message>
    <message>
        <source>Markdown, to be read elsewhere (*.md)</source>
        <translation>Markdown, um es anderswo zu lesen (*.md)</translation>
    </message>
    <message>
        <source>May</source>
        <translation>Mai</translation>
    </message>
    <message>
        <source>Meanwhile chat with the small built-in model</source>
        <translation>Inzwischen mit dem kleinen eingebauten Modell chatten</translation>
    </message>
    <message>
        <source>Measuring RAM and disk</source>
        <translation>RAM und Platte werden gemessen</translation>
    </message>
    <message>
        <source>Measuring follow-ups</source>
        <translation>Folgefragen werden gemessen</translation>
    </message>
    <message>
        <source>Measuring memory and matrices</source>
        <translation>Speicher und Matrizen werden gemessen</translation>
    </message>
    <message>
        <source>Measuring reading</source>
        <translation>Das Lesen wird gemessen</translation>
    </message>
    <message>
        <source>Measuring writing</source>
        <translation>Das Schreiben wird gemessen</translation>
    </message>
    <message>
        <source>Medium</source>
        <translation>Mittel</translation>
    </message>
    <message>
        <source>Memory</source>
        <translation>Speicher</translation>
    </message>
    <message>
        <source>Memory for a conversation</source>
        <translation>Speicher für eine Unterhaltung</translation>
    </message>
    <message>
        <source>Message</source>
        <translation>Nachricht</translation>
    </message>
    <message>
        <source>Message above or below</source>
        <translation>Nachricht darüber oder darunter</translation>
    </message>
    <message>
        <source>Message {name}</source>
        <translation>Nachricht an {name}</translation>
    </message>
    <message>
        <source>Messages</source>
        <translation>Nachrichten</translation>
    </message>
    <message>
        <source>Messages that could not be read: {count}.</source>
        <translation>Nachrichten, die nicht gelesen werden konnten: {count}.</translation>
    </message>
    <message>
        <source>Model</source>
        <translation>Modell</translation>
    </message>
    <message>
        <source>Model at start</source>
        <translation>Modell beim Start</translation>
    </message>
    <message>
        <source>Model: {name} {summary}</source>
        <translation>Modell: {name} {summary}</translation>
    </message>
    <message>
        <source>Models</source>
        <translation>Modelle</translation>
    </message>
    <message>
        <source>Models here read text only, so a picture can&apos;t be attached.</source>
        <translation>Modelle hier lesen nur Text, daher kann kein Bild angehängt werden.</translation>
    </message>
    <message>
        <source>Models on this computer</source>
        <translation>Modelle auf diesem Rechner</translation>
    </message>
    <message>
        <source>More</source>
        <translation>Mehr</translation>
    </message>
    <message>
        <source>More files that could not be read: {count}.</source>
        <translation>Weitere Dateien, die nicht gelesen werden konnten: {count}.</translation>
    </message>
    <message>
        <source>More folders on this computer in which Hearth looks for models.</source>
        <translation>Weitere Ordner auf diesem Rechner, in denen Hearth nach Modellen sucht.</translation>
    </message>
    <message numerus="yes">
        <source>More models: %n. Type to search.</source>
        <translation>
            <numerusform>Weitere Modelle: %n. Tippen Sie zum Suchen.</numerusform>
            <numerusform>Weitere Modelle: %n. Tippen Sie zum Suchen.</numerusform>
        </translation>
    </message>
    <message>
        <source>Most liked</source>
        <translation>Am beliebtesten</translation>
    </message>
    <message>
        <source>Move</source>
        <translation>Verschieben</translation>
    </message>
    <message>
        <source>Move all downloaded models?</source>
        <translation>Alle heruntergeladenen Modelle verschieben?</translation>
    </message>
    <message>
        <source>Move the folder for downloads</source>
        <translation>Ordner für Downloads verschieben</translation>
    </message>
    <message>
        <source>Move the folder for downloads to</source>
        <translation>Ordner für Downloads verschieben nach</translation>
    </message>
    <message>
        <source>Move {0} away, then go on with the download.</source>
        <translation>Räumen Sie {0} beiseite, und setzen Sie den Download dann fort.</translation>
    </message>
    <message>
        <source>Move…</source>
        <translation>Verschieben…</translation>
    </message>
    <message>
        <source>Moving: {done} of {total}</source>
        <translation>Verschoben: {done} von {total}</translation>
    </message>
    <message>
        <source>Muted: the model&apos;s template. Bold: generated by the model, kept token for token.</source>
        <translation>Gedämpft: die Vorlage des Modells. Fett: vom Modell erzeugt, Token für Token behalten.</translation>
    </message>
    <message>
        <source>NF4 weights on the processor: 4-bit kernel up to {0} rows, then unpacking by block.</source>
        <translation>NF4-Gewichte auf dem Prozessor: 4-Bit-Kernel bis {0} Zeilen, danach blockweise entpackt.</translation>
    </message>
    <message>
        <source>NF4 weights on the processor: unpacking by block.</source>
        <translation>NF4-Gewichte auf dem Prozessor: blockweise entpackt.</translation>
    </message>
    <message>
        <source>NF4, double quantisation (bitsandbytes)</source>
        <translation>NF4, doppelte Quantisierung (bitsandbytes)</translation>
    </message>
    <message>
        <source>Name of the folder</source>
        <translation>Name des Ordners</translation>
    </message>
    <message>
        <source>Ne&amp;xt conversation</source>
        <translation>Nä&amp;chste Unterhaltung</translation>
    </message>
    <message>
        <source>Nearly full</source>
        <translation>Fast voll</translation>
    </message>
    <message>
        <source>Nearly full: this conversation takes {used} of the {window} tokens that the model can hold.</source>
        <translation>Fast voll: Diese Unterhaltung belegt {used} der {window} Tokens, die das Modell fassen kann.</translation>
    </message>
    <message>
        <source>Needs {size} more{copy}; {free} are free.</source>
        <translation>Braucht noch {size}{copy}; {free} sind frei.</translation>
    </message>
    <message>
        <source>Needs {size}{copy}; {free} are free.</source>
        <translation>Braucht {size}{copy}; {free} sind frei.</translation>
    </message>
    <message>
        <source>New &amp;folder</source>
        <translation>Neuer &amp;Ordner</translation>
    </message>
    <message>
        <source>New &amp;private conversation</source>
        <translation>Neue &amp;private Unterhaltung</translation>
    </message>
    <message>
        <source>New conversation</source>
        <translation>Neue Unterhaltung</translation>
    </message>
    <message>
        <source>New folder</source>
        <translation>Neuer Ordner</translation>
    </message>
    <message>
        <source>New folder {number}</source>
        <translation>Neuer Ordner {number}</translation>
    </message>
    <message>
        <source>New key</source>
        <translation>Neue Taste</translation>
    </message>
    <message>
        <source>New line in a message</source>
        <translation>Neue Zeile in einer Nachricht</translation>
    </message>
    <message>
        <source>Newest</source>
        <translation>Neueste</translation>
    </message>
    <message>
        <source>Next &amp;area of the window</source>
        <translation>Nächster &amp;Bereich des Fensters</translation>
    </message>
    <message>
        <source>Next match</source>
        <translation>Nächster Treffer</translation>
    </message>
    <message>
        <source>Next version</source>
        <translation>Nächste Fassung</translation>
    </message>
    <message>
        <source>No action has these words or keys.</source>
        <translation>Keine Aktion hat diese Wörter oder Tasten.</translation>
    </message>
    <message>
        <source>No encrypted connection to {0} could be made.</source>
        <translation>Es ließ sich keine verschlüsselte Verbindung zu {0} herstellen.</translation>
    </message>
    <message>
        <source>No folder</source>
        <translation>Kein Ordner</translation>
    </message>
    <message>
        <source>No key</source>
        <translation>Keine Taste</translation>
    </message>
    <message>
        <source>No model has “{words}” in its name.</source>
        <translation>Kein Modell hat „{words}“ im Namen.</translation>
    </message>
    <message>
        <source>No model is loaded.</source>
        <translation>Es ist kein Modell geladen.</translation>
    </message>
    <message>
        <source>No model is loaded. The prompt depends on the model: load one, then look again.</source>
        <translation>Es ist kein Modell geladen. Der Prompt hängt vom Modell ab: Laden Sie eines, und sehen Sie dann noch einmal nach.</translation>
    </message>
    <message>
        <source>No model is loaded. What is kept belongs to the model that has read it, and is listed once that is loaded.</source>
        <translation>Es ist kein Modell geladen. Was vorgehalten wird, gehört zu dem Modell, das es gelesen hat, und wird aufgeführt, sobald dieses geladen ist.</translation>
    </message>
    <message>
        <source>No model on this computer yet</source>
        <translation>Noch kein Modell auf diesem Rechner</translation>
    </message>
    <message>
        <source>No model was named.</source>
        <translation>Es wurde kein Modell genannt.</translation>
    </message>
    <message>
        <source>No setting has these words.</source>
        <translation>Keine Einstellung enthält diese Wörter.</translation>
    </message>
    <message>
        <source>No useful window fits.</source>
        <translation>Kein brauchbarer Kontext passt.</translation>
    </message>
    <message>
        <source>Not all that is there of {0} could be deleted.</source>
        <translation>Nicht alles, was von {0} da ist, konnte gelöscht werden.</translation>
    </message>
    <message>
        <source>Not everything could be forgotten. {sentence}</source>
        <translation>Nicht alles konnte vergessen werden. {sentence}</translation>
    </message>
    <message>
        <source>Not found</source>
        <translation>Nicht gefunden</translation>
    </message>
    <message>
        <source>Not known yet</source>
        <translation>Noch nicht bekannt</translation>
    </message>
    <message>
        <source>Not saved. {sentence}</source>
        <translation>Nicht gespeichert. {sentence}</translation>
    </message>
    <message>
        <source>Not used</source>
        <translation>Nicht belegt</translation>
    </message>
    <message>
        <source>Nothing</source>
        <translation>Nichts</translation>
    </message>
    <message>
        <source>Nothing arrives any more</source>
        <translation>Es kommt nichts mehr an</translation>
    </message>
    <message>
        <source>Nothing can be written into {0}: {1}.</source>
        <translation>In {0} kann nichts geschrieben werden: {1}.</translation>
    </message>
    <message>
        <source>Nothing found</source>
        <translation>Nichts gefunden</translation>
    </message>
    <message>
        <source>Nothing had to be freed.</source>
        <translation>Es musste nichts freigegeben werden.</translation>
    </message>
    <message>
        <source>Nothing has arrived for {0} s; another connection is tried.</source>
        <translation>Seit {0} s ist nichts angekommen; eine andere Verbindung wird versucht.</translation>
    </message>
    <message>
        <source>Nothing is being downloaded</source>
        <translation>Es wird nichts heruntergeladen</translation>
    </message>
    <message>
        <source>Nothing is kept yet. A conversation is listed here after its next answer.</source>
        <translation>Noch wird nichts vorgehalten. Eine Unterhaltung erscheint hier nach ihrer nächsten Antwort.</translation>
    </message>
    <message>
        <source>Nothing is searched or downloaded. Models on this computer answer as always. “Work offline” is in the settings under Downloads.</source>
        <translation>Es wird nichts gesucht oder heruntergeladen. Modelle auf diesem Rechner antworten wie immer. „Offline arbeiten“ steht in den Einstellungen unter Downloads.</translation>
    </message>
    <message>
        <source>Nothing is sent from here. Below stands all that a report holds: versions, what this computer has, and the last lines of the logs, without your messages, names, folders and passwords.</source>
        <translation>Von hier wird nichts gesendet. Unten steht alles, was ein Bericht enthält: Versionen, was dieser Rechner hat, und die letzten Zeilen der Protokolle, ohne Ihre Nachrichten, Namen, Ordner und Passwörter.</translation>
    </message>
    <message>
        <source>Nothing of it is saved. It is gone when you delete it or quit Hearth.</source>
        <translation>Nichts davon wird gespeichert. Sie ist fort, wenn Sie sie löschen oder Hearth beenden.</translation>
    </message>
    <message>
        <source>Nothing was found. Fewer or other words may help.</source>
        <translation>Nichts gefunden. Weniger oder andere Wörter könnten helfen.</translation>
    </message>
    <message>
        <source>Nothing was left there; choose another folder, or free some space.</source>
        <translation>Dort wurde nichts zurückgelassen; wählen Sie einen anderen Ordner, oder schaffen Sie etwas Platz.</translation>
    </message>
    <message>
        <source>Nothing you write leaves this computer.</source>
        <translation>Nichts, was Sie schreiben, verlässt diesen Rechner.</translation>
    </message>
    <message>
        <source>Nothing.</source>
        <translation>Nichts.</translation>
    </message>
    <message>
        <source>Noticeably more thorough than the 8B one, where there is room for it.</source>
        <translation>Merklich gründlicher als das mit 8B, wo Platz dafür ist.</translation>
    </message>
    <message>
        <source>Notices</source>
        <translation>Hinweise</translation>
    </message>
    <message>
        <source>November</source>
        <translation>November</translation>
    </message>
    <message>
        <source>October</source>
        <translation>Oktober</translation>
    </message>
    <message>
        <source>Off</source>
        <translation>Aus</translation>
    </message>
    <message>
        <source>Oldest messages will be left out</source>
        <translation>Älteste Nachrichten werden weggelassen</translation>
    </message>
    <message>
        <source>Oldest messages will soon be left out</source>
        <translation>Älteste Nachrichten werden bald weggelassen</translation>
    </message>
    <message>
        <source>On</source>
        <translation>Ein</translation>
    </message>
    <message>
        <source>On disk</source>
        <translation>Auf der Platte</translation>
    </message>
    <message>
        <source>On disk: {amount} are loaded back instead of being read again.</source>
        <translation>Auf der Platte: {amount} werden zurückgeladen, statt neu gelesen zu werden.</translation>
    </message>
    <message>
        <source>On disk: {amount} is loaded back instead of being read again.</source>
        <translation>Auf der Platte: {amount} wird zurückgeladen, statt neu gelesen zu werden.</translation>
    </message>
    <message>
        <source>On this computer</source>
        <translation>Auf diesem Rechner</translation>
    </message>
    <message>
        <source>One key at a time, please.</source>
        <translation>Bitte eine Taste auf einmal.</translation>
    </message>
    <message>
        <source>One quiet line under each answer: the model, its speed, and how much of the conversation was read again.</source>
        <translation>Eine unauffällige Zeile unter jeder Antwort: das Modell, sein Tempo, und wie viel von der Unterhaltung neu gelesen wurde.</translation>
    </message>
    <message>
        <source>One was here already.</source>
        <translation>Eine war schon da.</translation>
    </message>
    <message>
        <source>Only an answer can be continued.</source>
        <translation>Nur eine Antwort kann fortgesetzt werden.</translation>
    </message>
    <message>
        <source>Only its text part is loaded; its parts for pictures and sounds are left out.</source>
        <translation>Nur der Teil für Text wird geladen; die Teile für Bilder und Töne bleiben weg.</translation>
    </message>
    <message>
        <source>Only the best words (top k)</source>
        <translation>Nur die besten Wörter (top k)</translation>
    </message>
    <message>
        <source>Only the first {count} characters were taken.</source>
        <translation>Nur die ersten {count} Zeichen wurden übernommen.</translation>
    </message>
    <message>
        <source>Open</source>
        <translation>Öffnen</translation>
    </message>
    <message>
        <source>Open a &amp;GGUF file…</source>
        <translation>&amp;GGUF-Datei öffnen…</translation>
    </message>
    <message>
        <source>Open a GGUF file</source>
        <translation>GGUF-Datei öffnen</translation>
    </message>
    <message>
        <source>Open a GGUF file…</source>
        <translation>GGUF-Datei öffnen…</translation>
    </message>
    <message>
        <source>Open a link</source>
        <translation>Link öffnen</translation>
    </message>
    <message>
        <source>Open a model&apos;s &amp;folder…</source>
        <translation>&amp;Ordner eines Modells öffnen…</translation>
    </message>
    <message>
        <source>Open a model&apos;s folder</source>
        <translation>Ordner eines Modells öffnen</translation>
    </message>
    <message>
        <source>Open a model&apos;s folder…</source>
        <translation>Ordner eines Modells öffnen…</translation>
    </message>
    <message>
        <source>Open a web browser, log in to the network, and try again.</source>
        <translation>Öffnen Sie einen Browser, melden Sie sich im Netz an, und versuchen Sie es noch einmal.</translation>
    </message>
    <message>
        <source>Open its page</source>
        <translation>Seite öffnen</translation>
    </message>
    <message>
        <source>Open link…</source>
        <translation>Link öffnen…</translation>
    </message>
    <message>
        <source>Open the page</source>
        <translation>Seite öffnen</translation>
    </message>
    <message>
        <source>Order</source>
        <translation>Sortierung</translation>
    </message>
    <message>
        <source>Other conversations beside the open one stay on the graphics card, where going back costs no time; 0 keeps none there.</source>
        <translation>Andere Unterhaltungen bleiben neben der offenen auf der Grafikkarte, wo die Rückkehr keine Zeit kostet; 0 hält dort keine.</translation>
    </message>
    <message>
        <source>Own instructions</source>
        <translation>Eigene Anweisungen</translation>
    </message>
    <message>
        <source>Own instructions and settings</source>
        <translation>Eigene Anweisungen und Einstellungen</translation>
    </message>
    <message>
        <source>Own settings</source>
        <translation>Eigene Einstellungen</translation>
    </message>
    <message>
        <source>P&amp;in conversation</source>
        <translation>Unterhaltung an&amp;heften</translation>
    </message>
    <message>
        <source>Packed as</source>
        <translation>Gepackt als</translation>
    </message>
    <message>
        <source>Pages</source>
        <translation>Seiten</translation>
    </message>
    <message>
        <source>Parameters</source>
        <translation>Parameter</translation>
    </message>
    <message>
        <source>Parts</source>
        <translation>Teile</translation>
    </message>
    <message>
        <source>Parts of Hearth</source>
        <translation>Teile von Hearth</translation>
    </message>
    <message>
        <source>Paste the address of a model&apos;s page.</source>
        <translation>Fügen Sie die Adresse der Seite eines Modells ein.</translation>
    </message>
    <message>
        <source>Pasted text</source>
        <translation>Eingefügter Text</translation>
    </message>
    <message>
        <source>Pause</source>
        <translation>Anhalten</translation>
    </message>
    <message>
        <source>Pause the download first, or wait until it has finished.</source>
        <translation>Halten Sie zuerst den Download an, oder warten Sie, bis er fertig ist.</translation>
    </message>
    <message>
        <source>Pause the download first.</source>
        <translation>Halten Sie zuerst den Download an.</translation>
    </message>
    <message>
        <source>Pause the downloads first, also those of other programs.</source>
        <translation>Halten Sie zuerst die Downloads an, auch die anderer Programme.</translation>
    </message>
    <message>
        <source>Paused</source>
        <translation>Angehalten</translation>
    </message>
    <message>
        <source>Pinned</source>
        <translation>Angeheftet</translation>
    </message>
    <message>
        <source>Plan something</source>
        <translation>Etwas planen</translation>
    </message>
    <message>
        <source>Planned by its configuration and size alone; the headers of its weights were not read.</source>
        <translation>Nur nach Konfiguration und Größe geplant; die Köpfe seiner Gewichte wurden nicht gelesen.</translation>
    </message>
    <message>
        <source>Planned by the known shape of {0}, which has the same kind and size. {1}</source>
        <translation>Nach der bekannten Form von {0} geplant, das gleicher Art und Größe ist. {1}</translation>
    </message>
    <message>
        <source>Planned by the known shape of {0}; its files were not looked at.{1}</source>
        <translation>Nach der bekannten Form von {0} geplant; seine Dateien wurden nicht angesehen.{1}</translation>
    </message>
    <message>
        <source>Popular</source>
        <translation>Beliebt</translation>
    </message>
    <message>
        <source>Pre&amp;vious area of the window</source>
        <translation>Vor&amp;heriger Bereich des Fensters</translation>
    </message>
    <message>
        <source>Precision</source>
        <translation>Genauigkeit</translation>
    </message>
    <message>
        <source>Preparing the model for this computer</source>
        <translation>Modell wird für diesen Rechner vorbereitet</translation>
    </message>
    <message>
        <source>Press Continue or send your message again.</source>
        <translation>Drücken Sie „Fortsetzen“, oder senden Sie Ihre Nachricht noch einmal.</translation>
    </message>
    <message>
        <source>Press the new key</source>
        <translation>Neue Taste drücken</translation>
    </message>
    <message>
        <source>Previous 7 days</source>
        <translation>Letzte 7 Tage</translation>
    </message>
    <message>
        <source>Previous match</source>
        <translation>Vorheriger Treffer</translation>
    </message>
    <message>
        <source>Previous version</source>
        <translation>Vorherige Fassung</translation>
    </message>
    <message>
        <source>Private</source>
        <translation>Privat</translation>
    </message>
    <message>
        <source>Private conversation</source>
        <translation>Private Unterhaltung</translation>
    </message>
    <message>
        <source>Private conversation: it is not saved</source>
        <translation>Private Unterhaltung: Sie wird nicht gespeichert</translation>
    </message>
    <message>
        <source>Private conversations can be had without it.</source>
        <translation>Private Unterhaltungen sind auch ohne das möglich.</translation>
    </message>
    <message>
        <source>Private: nothing of it is stored.</source>
        <translation>Privat: Nichts davon wird gespeichert.</translation>
    </message>
    <message>
        <source>Proxy</source>
        <translation>Proxy</translation>
    </message>
    <message>
        <source>Publisher</source>
        <translation>Herausgeber</translation>
    </message>
    <message>
        <source>Publisher&apos;s choice</source>
        <translation>Wahl des Herausgebers</translation>
    </message>
    <message>
        <source>PyTorch picks its flash kernel where no mask is needed, its memory-efficient one elsewhere</source>
        <translation>PyTorch nimmt seinen Flash-Kernel, wo keine Maske nötig ist, sonst seinen speichersparenden</translation>
    </message>
    <message>
        <source>PyTorch&apos;s fused attention; query heads that share a key head read it once</source>
        <translation>PyTorchs verschmolzene Attention; Abfrageköpfe mit gemeinsamem Schlüsselkopf lesen ihn einmal</translation>
    </message>
    <message>
        <source>Quotation: {words}</source>
        <translation>Zitat: {words}</translation>
    </message>
    <message>
        <source>RAM</source>
        <translation>RAM</translation>
    </message>
    <message>
        <source>RAM for warm conversations (GiB)</source>
        <translation>RAM für warme Unterhaltungen (GiB)</translation>
    </message>
    <message>
        <source>RAM; {0}; {1} cores, {2} threads; torch {3}</source>
        <translation>RAM; {0}; {1} Kerne, {2} Threads; torch {3}</translation>
    </message>
    <message>
        <source>Read anew</source>
        <translation>Neu gelesen</translation>
    </message>
    <message>
        <source>Reading</source>
        <translation>Liest</translation>
    </message>
    <message>
        <source>Reading {done} of {total} token</source>
        <translation>Liest {done} von {total} Token</translation>
    </message>
    <message>
        <source>Reading {done} of {total} tokens</source>
        <translation>Liest {done} von {total} Tokens</translation>
    </message>
    <message>
        <source>Reading {name} …</source>
        <translation>{name} wird gelesen …</translation>
    </message>
    <message>
        <source>Reasons well and answers fast: published in 4 bit, with a few experts at work for each word.</source>
        <translation>Denkt gut und antwortet schnell: in 4 Bit veröffentlicht, mit wenigen Experten bei der Arbeit für jedes Wort.</translation>
    </message>
    <message>
        <source>Recommended</source>
        <translation>Empfohlen</translation>
    </message>
    <message>
        <source>Reload</source>
        <translation>Neu laden</translation>
    </message>
    <message>
        <source>Reload now</source>
        <translation>Jetzt neu laden</translation>
    </message>
    <message>
        <source>Remove</source>
        <translation>Entfernen</translation>
    </message>
    <message>
        <source>Remove token</source>
        <translation>Token entfernen</translation>
    </message>
    <message>
        <source>Remove waiting message {place}</source>
        <translation>Wartende Nachricht {place} entfernen</translation>
    </message>
    <message>
        <source>Remove {folder}</source>
        <translation>{folder} entfernen</translation>
    </message>
    <message>
        <source>Remove {name}</source>
        <translation>{name} entfernen</translation>
    </message>
    <message>
        <source>Remove {name} from this list</source>
        <translation>{name} aus dieser Liste entfernen</translation>
    </message>
    <message>
        <source>Rename the selected conversation</source>
        <translation>Die gewählte Unterhaltung umbenennen</translation>
    </message>
    <message>
        <source>Report a problem</source>
        <translation>Problem melden</translation>
    </message>
    <message>
        <source>Report…</source>
        <translation>Melden…</translation>
    </message>
    <message>
        <source>Reset</source>
        <translation>Zurücksetzen</translation>
    </message>
    <message>
        <source>Reset all keys</source>
        <translation>Alle Tasten zurücksetzen</translation>
    </message>
    <message>
        <source>Reset {label}</source>
        <translation>{label} zurücksetzen</translation>
    </message>
    <message>
        <source>Restart Hearth</source>
        <translation>Hearth neu starten</translation>
    </message>
    <message>
        <source>Restart the computer, or install the graphics driver again, and load the model again.</source>
        <translation>Starten Sie den Rechner neu, oder installieren Sie den Grafiktreiber noch einmal, und laden Sie das Modell neu.</translation>
    </message>
    <message>
        <source>Restart the computer, or reload the nvidia_uvm module on Linux.</source>
        <translation>Starten Sie den Rechner neu, oder laden Sie unter Linux das Modul nvidia_uvm neu.</translation>
    </message>
    <message>
        <source>Restart the computer.</source>
        <translation>Starten Sie den Rechner neu.</translation>
    </message>
    <message>
        <source>Restart the engine or Hearth. Your conversations are safe.</source>
        <translation>Starten Sie den Rechenkern oder Hearth neu. Ihre Unterhaltungen sind sicher.</translation>
    </message>
    <message>
        <source>Results</source>
        <translation>Ergebnisse</translation>
    </message>
    <message>
        <source>Resume</source>
        <translation>Fortsetzen</translation>
    </message>
    <message>
        <source>Resume and chat</source>
        <translation>Fortsetzen und chatten</translation>
    </message>
    <message>
        <source>Run the installation again to get the right one, or load the model on the CPU.</source>
        <translation>Führen Sie die Installation noch einmal aus, um das richtige zu bekommen, oder laden Sie das Modell auf dem Prozessor.</translation>
    </message>
    <message>
        <source>Run the installation again to repair it.</source>
        <translation>Führen Sie die Installation noch einmal aus, um sie zu reparieren.</translation>
    </message>
    <message>
        <source>S&amp;maller text</source>
        <translation>&amp;Kleinerer Text</translation>
    </message>
    <message>
        <source>S&amp;top and say so</source>
        <translation>A&amp;nhalten und darauf hinweisen</translation>
    </message>
    <message>
        <source>Same as the desktop</source>
        <translation>Wie der Desktop</translation>
    </message>
    <message>
        <source>Sampling</source>
        <translation>Auswahl der Wörter</translation>
    </message>
    <message>
        <source>Save &amp;&amp; send</source>
        <translation>Speichern &amp;&amp; senden</translation>
    </message>
    <message>
        <source>Save as another version</source>
        <translation>Als andere Fassung speichern</translation>
    </message>
    <message>
        <source>Save as…</source>
        <translation>Speichern unter…</translation>
    </message>
    <message>
        <source>Save code</source>
        <translation>Code speichern</translation>
    </message>
    <message>
        <source>Save code as…</source>
        <translation>Code speichern unter…</translation>
    </message>
    <message>
        <source>Save the report</source>
        <translation>Bericht speichern</translation>
    </message>
    <message>
        <source>Save this code as a file</source>
        <translation>Diesen Code als Datei speichern</translation>
    </message>
    <message>
        <source>Saved</source>
        <translation>Gespeichert</translation>
    </message>
    <message>
        <source>Saved as {name}.</source>
        <translation>Als {name} gespeichert.</translation>
    </message>
    <message>
        <source>Searc&amp;h everything…</source>
        <translation>&amp;Alles durchsuchen…</translation>
    </message>
    <message>
        <source>Search</source>
        <translation>Suche</translation>
    </message>
    <message>
        <source>Search by name, or paste the address of a model&apos;s page.</source>
        <translation>Suchen Sie nach einem Namen, oder fügen Sie die Adresse einer Modellseite ein.</translation>
    </message>
    <message>
        <source>Search conversations, messages, commands, models and settings</source>
        <translation>Unterhaltungen, Nachrichten, Befehle, Modelle und Einstellungen durchsuchen</translation>
    </message>
    <message>
        <source>Search everything</source>
        <translation>Alles durchsuchen</translation>
    </message>
    <message>
        <source>Search for an action or a key</source>
        <translation>Nach Aktion oder Taste suchen</translation>
    </message>
    <message>
        <source>Search only</source>
        <translation>Nur durchsuchen</translation>
    </message>
    <message>
        <source>Search settings</source>
        <translation>Einstellungen durchsuchen</translation>
    </message>
    <message>
        <source>Search the Hub</source>
        <translation>Den Hub durchsuchen</translation>
    </message>
    <message>
        <source>Search, or paste an address</source>
        <translation>Suchen oder Adresse einfügen</translation>
    </message>
    <message>
        <source>Searching</source>
        <translation>Suche läuft</translation>
    </message>
    <message>
        <source>Searching…</source>
        <translation>Suche läuft …</translation>
    </message>
    <message>
        <source>See how it would run here</source>
        <translation>Sehen, wie es hier laufen würde</translation>
    </message>
    <message>
        <source>Seed</source>
        <translation>Startwert</translation>
    </message>
    <message>
        <source>Select &amp;all</source>
        <translation>A&amp;lles auswählen</translation>
    </message>
    <message>
        <source>Select a&amp;ll of the message</source>
        <translation>A&amp;lles in der Nachricht auswählen</translation>
    </message>
    <message>
        <source>Send</source>
        <translation>Senden</translation>
    </message>
    <message>
        <source>Send now</source>
        <translation>Jetzt senden</translation>
    </message>
    <message>
        <source>Send the message</source>
        <translation>Nachricht senden</translation>
    </message>
    <message>
        <source>Send waiting message {number} now</source>
        <translation>Wartende Nachricht {number} jetzt senden</translation>
    </message>
    <message>
        <source>Sent next</source>
        <translation>Als Nächstes</translation>
    </message>
    <message>
        <source>September</source>
        <translation>September</translation>
    </message>
    <message>
        <source>Set for this conversation.</source>
        <translation>Für diese Unterhaltung festgelegt.</translation>
    </message>
    <message>
        <source>Set for this model.</source>
        <translation>Für dieses Modell festgelegt.</translation>
    </message>
    <message>
        <source>Set otherwise for {count} models.</source>
        <translation>Für {count} Modelle anders festgelegt.</translation>
    </message>
    <message>
        <source>Set otherwise for {model}.</source>
        <translation>Für {model} anders festgelegt.</translation>
    </message>
    <message>
        <source>Settings</source>
        <translation>Einstellungen</translation>
    </message>
    <message>
        <source>Settings for this model</source>
        <translation>Einstellungen für dieses Modell</translation>
    </message>
    <message>
        <source>Share of likely words (top p)</source>
        <translation>Anteil wahrscheinlicher Wörter (top p)</translation>
    </message>
    <message>
        <source>Shift+Enter</source>
        <translation>Umschalt+Eingabe</translation>
    </message>
    <message>
        <source>Shorten it or remove unusual characters.</source>
        <translation>Kürzen Sie es, oder entfernen Sie ungewöhnliche Zeichen.</translation>
    </message>
    <message>
        <source>Shorten it, or load the model with a larger context.</source>
        <translation>Kürzen Sie sie, oder laden Sie das Modell mit mehr Kontext.</translation>
    </message>
    <message>
        <source>Shorten the instructions or the message, or choose a larger context window.</source>
        <translation>Kürzen Sie die Anweisungen oder die Nachricht, oder wählen Sie ein größeres Kontextfenster.</translation>
    </message>
    <message>
        <source>Shorten the message, or choose a larger context window.</source>
        <translation>Kürzen Sie die Nachricht, oder wählen Sie ein größeres Kontextfenster.</translation>
    </message>
    <message>
        <source>Shorten the message, start a new conversation, or choose a larger context window.</source>
        <translation>Kürzen Sie die Nachricht, beginnen Sie eine neue Unterhaltung, oder wählen Sie ein größeres Kontextfenster.</translation>
    </message>
    <message>
        <source>Show</source>
        <translation>Zeigen</translation>
    </message>
    <message>
        <source>Show Hearth</source>
        <translation>Hearth zeigen</translation>
    </message>
    <message>
        <source>Show all {count} characters</source>
        <translation>Alle {count} Zeichen zeigen</translation>
    </message>
    <message>
        <source>Show and change</source>
        <translation>Zeigen und ändern</translation>
    </message>
    <message numerus="yes">
        <source>Show and change (changed: %n)</source>
        <translation>
            <numerusform>Zeigen und ändern (geändert: %n)</numerusform>
            <numerusform>Zeigen und ändern (geändert: %n)</numerusform>
        </translation>
    </message>
    <message>
        <source>Show by conversation</source>
        <translation>Nach Unterhaltung zeigen</translation>
    </message>
    <message>
        <source>Show downloads</source>
        <translation>Downloads zeigen</translation>
    </message>
    <message>
        <source>Show in folder</source>
        <translation>Im Ordner zeigen</translation>
    </message>
    <message>
        <source>Show it</source>
        <translation>Anzeigen</translation>
    </message>
    <message>
        <source>Show less</source>
        <translation>Weniger zeigen</translation>
    </message>
    <message>
        <source>Show less (the rest of {count} characters can be copied)</source>
        <translation>Weniger zeigen (der Rest von {count} Zeichen lässt sich kopieren)</translation>
    </message>
    <message>
        <source>Show numbers under answers</source>
        <translation>Zahlen unter Antworten zeigen</translation>
    </message>
    <message>
        <source>Show the e&amp;xact prompt</source>
        <translation>&amp;Genauen Prompt zeigen</translation>
    </message>
    <message>
        <source>Show the thoughts</source>
        <translation>Gedanken zeigen</translation>
    </message>
    <message>
        <source>Show {count} more</source>
        <translation>{count} weitere anzeigen</translation>
    </message>
    <message>
        <source>Sidebar</source>
        <translation>Seitenleiste</translation>
    </message>
    <message>
        <source>Sign in on the model&apos;s page, agree there, and give Hearth an access token of your account. If you have done so already, just download.</source>
        <translation>Melden Sie sich auf der Seite des Modells an, stimmen Sie dort zu, und geben Sie Hearth ein Zugangstoken Ihres Kontos. Wenn Sie das schon getan haben, laden Sie einfach herunter.</translation>
    </message>
    <message>
        <source>Size</source>
        <translation>Größe</translation>
    </message>
    <message>
        <source>Size of the text in conversations, in pixels. Menus, buttons and lists follow it up to 16.</source>
        <translation>Größe des Textes in Unterhaltungen, in Pixeln. Menüs, Knöpfe und Listen folgen ihr bis 16.</translation>
    </message>
    <message>
        <source>Skip</source>
        <translation>Überspringen</translation>
    </message>
    <message>
        <source>Slow (offload)</source>
        <translation>Langsam (ausgelagert)</translation>
    </message>
    <message>
        <source>Slow (processor)</source>
        <translation>Langsam (Prozessor)</translation>
    </message>
    <message>
        <source>Small enough for any graphics card, and good at short texts and questions.</source>
        <translation>Klein genug für jede Grafikkarte, und gut bei kurzen Texten und Fragen.</translation>
    </message>
    <message>
        <source>Smallest (INT4)</source>
        <translation>Kleinste (INT4)</translation>
    </message>
    <message>
        <source>SmolLM2 135M Instruct</source>
        <translation>SmolLM2 135M Instruct</translation>
    </message>
    <message>
        <source>Some models are private, or their publisher asks you to agree to something first. With an access token the Hub knows that it is you. A token that may only read is enough.</source>
        <translation>Manche Modelle sind privat, oder ihr Herausgeber bittet vorher um eine Zustimmung. Mit einem Zugangstoken weiß der Hub, dass Sie es sind. Ein Token, das nur lesen darf, genügt.</translation>
    </message>
    <message>
        <source>Something else than the file was answered</source>
        <translation>Es kam etwas anderes als die Datei</translation>
    </message>
    <message>
        <source>Something else than the files of {0} was answered, again and again.</source>
        <translation>Es kam immer wieder etwas anderes als die Dateien von {0}.</translation>
    </message>
    <message>
        <source>Something in Hearth went wrong. Your conversations are saved; the details help us to mend it.</source>
        <translation>In Hearth ist etwas schiefgegangen. Ihre Unterhaltungen sind gespeichert; die Einzelheiten helfen uns, es zu beheben.</translation>
    </message>
    <message>
        <source>Something is being downloaded at this moment.</source>
        <translation>Es wird gerade etwas heruntergeladen.</translation>
    </message>
    <message>
        <source>Something went wrong inside Hearth.</source>
        <translation>In Hearth ist etwas schiefgegangen.</translation>
    </message>
    <message>
        <source>Something went wrong while this was written.</source>
        <translation>Etwas ging schief, während dies geschrieben wurde.</translation>
    </message>
    <message>
        <source>Speed</source>
        <translation>Tempo</translation>
    </message>
    <message>
        <source>Start Hearth again.</source>
        <translation>Starten Sie Hearth neu.</translation>
    </message>
    <message>
        <source>Start Hearth again: it then opens the newest backup and keeps the damaged file.</source>
        <translation>Starten Sie Hearth neu: Es öffnet dann die neueste Sicherung und behält die beschädigte Datei.</translation>
    </message>
    <message>
        <source>Start Hearth without the offline switch (HF_HUB_OFFLINE, TRANSFORMERS_OFFLINE) to ask it.</source>
        <translation>Starten Sie Hearth ohne den Offline-Schalter (HF_HUB_OFFLINE, TRANSFORMERS_OFFLINE), um ihn zu fragen.</translation>
    </message>
    <message>
        <source>Start a new conversation, or reload the model with more context.</source>
        <translation>Beginnen Sie eine neue Unterhaltung, oder laden Sie das Modell mit mehr Kontext neu.</translation>
    </message>
    <message>
        <source>Start it again</source>
        <translation>Noch einmal starten</translation>
    </message>
    <message>
        <source>Start now with the small built-in model</source>
        <translation>Jetzt mit dem kleinen eingebauten Modell beginnen</translation>
    </message>
    <message>
        <source>Start the download again; it goes on where it stopped.</source>
        <translation>Starten Sie den Download noch einmal; er geht weiter, wo er aufgehört hat.</translation>
    </message>
    <message>
        <source>Starting the engine</source>
        <translation>Rechenkern wird gestartet</translation>
    </message>
    <message>
        <source>Starting the engine again</source>
        <translation>Rechenkern wird neu gestartet</translation>
    </message>
    <message>
        <source>State</source>
        <translation>Zustand</translation>
    </message>
    <message>
        <source>Still in memory</source>
        <translation>Noch im Speicher</translation>
    </message>
    <message>
        <source>Stop</source>
        <translation>Anhalten</translation>
    </message>
    <message>
        <source>Stop &amp;loading</source>
        <translation>Laden an&amp;halten</translation>
    </message>
    <message>
        <source>Stop and say so</source>
        <translation>Anhalten und darauf hinweisen</translation>
    </message>
    <message>
        <source>Stop loading</source>
        <translation>Laden anhalten</translation>
    </message>
    <message>
        <source>Stop the answer, leave editing, close</source>
        <translation>Antwort anhalten, Bearbeiten verlassen, schließen</translation>
    </message>
    <message>
        <source>Stop the running answer and send this message now</source>
        <translation>Die laufende Antwort anhalten und diese Nachricht jetzt senden</translation>
    </message>
    <message>
        <source>Stopped</source>
        <translation>Angehalten</translation>
    </message>
    <message>
        <source>Stopping</source>
        <translation>Hält an</translation>
    </message>
    <message>
        <source>Switch “Work offline” off in the settings.</source>
        <translation>Schalten Sie „Offline arbeiten“ in den Einstellungen aus.</translation>
    </message>
    <message>
        <source>System prompt</source>
        <translation>System-Anweisung</translation>
    </message>
    <message>
        <source>Table with columns: {columns}, rows: {rows}</source>
        <translation>Tabelle mit Spalten: {columns}, Zeilen: {rows}</translation>
    </message>
    <message>
        <source>Take it from “{action}”</source>
        <translation>„{action}“ wegnehmen</translation>
    </message>
    <message>
        <source>Takes effect after reloading the model.</source>
        <translation>Wirkt nach dem Neuladen des Modells.</translation>
    </message>
    <message>
        <source>Takes effect when Hearth is started again.</source>
        <translation>Wirkt, wenn Hearth neu gestartet wird.</translation>
    </message>
    <message>
        <source>Takes effect with the next answer.</source>
        <translation>Wirkt mit der nächsten Antwort.</translation>
    </message>
    <message>
        <source>Tell capital from small letters</source>
        <translation>Groß- und Kleinschreibung beachten</translation>
    </message>
    <message>
        <source>Tell when an answer is there</source>
        <translation>Melden, wenn eine Antwort da ist</translation>
    </message>
    <message>
        <source>Temperature</source>
        <translation>Temperatur</translation>
    </message>
    <message>
        <source>Template</source>
        <translation>Vorlage</translation>
    </message>
    <message>
        <source>TensorFlow Lite</source>
        <translation>TensorFlow Lite</translation>
    </message>
    <message>
        <source>Terms to accept</source>
        <translation>Bedingungen anzunehmen</translation>
    </message>
    <message>
        <source>Test the connection</source>
        <translation>Verbindung testen</translation>
    </message>
    <message>
        <source>Testing…</source>
        <translation>Wird getestet …</translation>
    </message>
    <message>
        <source>Text</source>
        <translation>Text</translation>
    </message>
    <message>
        <source>Text of the licence</source>
        <translation>Text der Lizenz</translation>
    </message>
    <message>
        <source>Text of {name}</source>
        <translation>Text von {name}</translation>
    </message>
    <message>
        <source>Text size</source>
        <translation>Textgröße</translation>
    </message>
    <message>
        <source>Text, code, PDF and office documents</source>
        <translation>Text, Code, PDF und Office-Dokumente</translation>
    </message>
    <message>
        <source>That drive is not there.</source>
        <translation>Dieses Laufwerk ist nicht da.</translation>
    </message>
    <message>
        <source>That is no access token: it has spaces or other signs in it that no token has.</source>
        <translation>Das ist kein Zugangstoken: Es enthält Leerzeichen oder andere Zeichen, die kein Token hat.</translation>
    </message>
    <message>
        <source>That is no folder.</source>
        <translation>Das ist kein Ordner.</translation>
    </message>
    <message>
        <source>That is too long to be pasted here: it would be {count} characters, and {most} are possible.</source>
        <translation>Das ist zu lang, um hier eingefügt zu werden: Es wären {count} Zeichen, möglich sind {most}.</translation>
    </message>
    <message>
        <source>That is too long to be pasted here: it would be {count} lines, and {most} are possible.</source>
        <translation>Das ist zu lang, um hier eingefügt zu werden: Es wären {count} Zeilen, möglich sind {most}.</translation>
    </message>
    <message>
        <source>That page is too long to be pasted here: {count} characters with its markup, and {most} are possible. Copy a part of it.</source>
        <translation>Diese Seite ist zu lang, um hier eingefügt zu werden: Mit ihrer Formatierung sind es {count} Zeichen, {most} sind möglich. Kopieren Sie einen Teil davon.</translation>
    </message>
    <message>
        <source>That they begin, and how the finished one begins</source>
        <translation>Dass sie beginnen, und den Anfang der fertigen</translation>
    </message>
    <message>
        <source>The GGUF file {0} cannot be read: it is damaged, or of a kind this version does not know.</source>
        <translation>Die GGUF-Datei {0} lässt sich nicht lesen: Sie ist beschädigt, oder von einer Art, die diese Version nicht kennt.</translation>
    </message>
    <message>
        <source>The GGUF file {0} lacks parts of the model ({1}).</source>
        <translation>Der GGUF-Datei {0} fehlen Teile des Modells ({1}).</translation>
    </message>
    <message>
        <source>The GPU does not answer ({0}). {1}</source>
        <translation>Die GPU antwortet nicht ({0}). {1}</translation>
    </message>
    <message>
        <source>The Hub</source>
        <translation>Der Hub</translation>
    </message>
    <message>
        <source>The Hub answered {0}{1}.</source>
        <translation>Der Hub antwortete {0}{1}.</translation>
    </message>
    <message>
        <source>The Hub asks for an access token.</source>
        <translation>Der Hub verlangt ein Zugangstoken.</translation>
    </message>
    <message>
        <source>The Hub can&apos;t be reached</source>
        <translation>Der Hub ist nicht erreichbar</translation>
    </message>
    <message>
        <source>The Hub could not be reached.</source>
        <translation>Der Hub war nicht erreichbar.</translation>
    </message>
    <message>
        <source>The Hub could not be reached: the name {0} is not known.</source>
        <translation>Der Hub war nicht erreichbar: Der Name {0} ist nicht bekannt.</translation>
    </message>
    <message>
        <source>The Hub could not be reached: the proxy {0} does not answer.</source>
        <translation>Der Hub war nicht erreichbar: Der Proxy {0} antwortet nicht.</translation>
    </message>
    <message>
        <source>The Hub could not be reached: there is no connection to the internet.</source>
        <translation>Der Hub war nicht erreichbar: Es gibt keine Verbindung zum Internet.</translation>
    </message>
    <message>
        <source>The Hub could not be reached: {0} accepts no connection.</source>
        <translation>Der Hub war nicht erreichbar: {0} nimmt keine Verbindung an.</translation>
    </message>
    <message>
        <source>The Hub could not be reached: {0} did not answer in time.</source>
        <translation>Der Hub war nicht erreichbar: {0} antwortete nicht rechtzeitig.</translation>
    </message>
    <message>
        <source>The Hub does not accept the access token; it is wrong, has expired or was revoked.</source>
        <translation>Der Hub nimmt das Zugangstoken nicht an; es ist falsch, abgelaufen oder widerrufen.</translation>
    </message>
    <message>
        <source>The Hub does not allow access{0} from here.</source>
        <translation>Der Hub erlaubt den Zugang{0} von hier nicht.</translation>
    </message>
    <message>
        <source>The Hub has a problem of its own ({0})</source>
        <translation>Der Hub hat selbst ein Problem ({0})</translation>
    </message>
    <message>
        <source>The Hub has a problem of its own ({0}).</source>
        <translation>Der Hub hat selbst ein Problem ({0}).</translation>
    </message>
    <message>
        <source>The Hub has had too many requests</source>
        <translation>Der Hub hatte zu viele Anfragen</translation>
    </message>
    <message>
        <source>The Hub has had too many requests from here.</source>
        <translation>Der Hub hatte zu viele Anfragen von hier.</translation>
    </message>
    <message>
        <source>The access token is damaged: it has signs in it that no access token has.</source>
        <translation>Das Zugangstoken ist beschädigt: Es enthält Zeichen, die kein Zugangstoken hat.</translation>
    </message>
    <message>
        <source>The access token is not sent over an unencrypted connection.</source>
        <translation>Das Zugangstoken wird nicht über eine unverschlüsselte Verbindung gesendet.</translation>
    </message>
    <message>
        <source>The access token may not read {0}.</source>
        <translation>Das Zugangstoken darf {0} nicht lesen.</translation>
    </message>
    <message>
        <source>The address is {0}.</source>
        <translation>Die Adresse ist {0}.</translation>
    </message>
    <message>
        <source>The address of a proxy that leads to the internet, such as http://proxy.example:8080. Empty means what this computer&apos;s environment says.</source>
        <translation>Die Adresse eines Proxys, der ins Internet führt, etwa http://proxy.example:8080. Leer bedeutet, was die Umgebung dieses Rechners angibt.</translation>
    </message>
    <message>
        <source>The address of the Hub has a name or a password in it.</source>
        <translation>Die Adresse des Hub enthält einen Namen oder ein Passwort.</translation>
    </message>
    <message>
        <source>The address of the Hub is no web address.</source>
        <translation>Die Adresse des Hub ist keine Webadresse.</translation>
    </message>
    <message>
        <source>The address of the proxy can&apos;t be used.</source>
        <translation>Die Adresse des Proxys kann nicht verwendet werden.</translation>
    </message>
    <message>
        <source>The answer could not be finished.</source>
        <translation>Die Antwort konnte nicht fertig werden.</translation>
    </message>
    <message>
        <source>The answer is finished.</source>
        <translation>Die Antwort ist fertig.</translation>
    </message>
    <message>
        <source>The answer is there.</source>
        <translation>Die Antwort ist da.</translation>
    </message>
    <message>
        <source>The answer reached the length that the settings allow.</source>
        <translation>Die Antwort hat die Länge erreicht, die die Einstellungen erlauben.</translation>
    </message>
    <message>
        <source>The answer was deleted, with one that followed.</source>
        <translation>Die Antwort und die folgende Nachricht wurden gelöscht.</translation>
    </message>
    <message>
        <source>The answer was deleted, with {count} messages that followed.</source>
        <translation>Die Antwort und {count} folgende Nachrichten wurden gelöscht.</translation>
    </message>
    <message>
        <source>The answer was deleted.</source>
        <translation>Die Antwort wurde gelöscht.</translation>
    </message>
    <message>
        <source>The archive is damaged, encrypted, or packed in a way that Hearth can&apos;t unpack.</source>
        <translation>Das Archiv ist beschädigt, verschlüsselt oder so gepackt, dass Hearth es nicht auspacken kann.</translation>
    </message>
    <message>
        <source>The attachments are too long for the model, which can hold {window} tokens. Remove some, or load the model with a larger context.</source>
        <translation>Die Anhänge sind zu lang für das Modell, das {window} Tokens fassen kann. Entfernen Sie einige, oder laden Sie das Modell mit mehr Kontext.</translation>
    </message>
    <message>
        <source>The backup could not be copied.</source>
        <translation>Die Sicherung konnte nicht kopiert werden.</translation>
    </message>
    <message>
        <source>The backup of the conversations is not sound, so it was not kept.</source>
        <translation>Die Sicherung der Unterhaltungen ist nicht in Ordnung und wurde daher nicht behalten.</translation>
    </message>
    <message>
        <source>The cards take turns with each token, so they hold more together but are no faster.</source>
        <translation>Die Karten wechseln sich bei jedem Token ab; zusammen fassen sie also mehr, sind aber nicht schneller.</translation>
    </message>
    <message>
        <source>The certificate of {0} has expired, or is not valid yet.</source>
        <translation>Das Zertifikat von {0} ist abgelaufen, oder noch nicht gültig.</translation>
    </message>
    <message>
        <source>The certificate of {0} is signed by an authority that this computer does not know.</source>
        <translation>Das Zertifikat von {0} ist von einer Stelle unterschrieben, die dieser Rechner nicht kennt.</translation>
    </message>
    <message>
        <source>The connection to the Hub was lost</source>
        <translation>Die Verbindung zum Hub ging verloren</translation>
    </message>
    <message>
        <source>The connection to the Hub was lost.</source>
        <translation>Die Verbindung zum Hub ging verloren.</translation>
    </message>
    <message>
        <source>The connection to the engine broke because of a mistake in Hearth. Start Hearth again.</source>
        <translation>Die Verbindung zum Rechenkern brach durch einen Fehler in Hearth ab. Starten Sie Hearth neu.</translation>
    </message>
    <message>
        <source>The connection to the graphics card was lost.</source>
        <translation>Die Verbindung zur Grafikkarte ging verloren.</translation>
    </message>
    <message>
        <source>The conversation has {0} tokens, but the model&apos;s window holds {1}.</source>
        <translation>Die Unterhaltung hat {0} Tokens, aber das Modell fasst {1}.</translation>
    </message>
    <message>
        <source>The conversation was exported to {name}.</source>
        <translation>Die Unterhaltung wurde nach {name} exportiert.</translation>
    </message>
    <message>
        <source>The conversations are closed.</source>
        <translation>Die Unterhaltungen sind geschlossen.</translation>
    </message>
    <message>
        <source>The conversations can&apos;t be opened or written in {folder}.</source>
        <translation>Die Unterhaltungen in {folder} lassen sich nicht öffnen oder schreiben.</translation>
    </message>
    <message>
        <source>The conversations could not be copied to a backup.</source>
        <translation>Die Unterhaltungen konnten nicht in eine Sicherung kopiert werden.</translation>
    </message>
    <message>
        <source>The conversations in {folder} can be read, but nothing new can be saved there.</source>
        <translation>Die Unterhaltungen in {folder} können gelesen werden, aber dort lässt sich nichts Neues speichern.</translation>
    </message>
    <message>
        <source>The disk has {free} free, and {needed} are needed. Free {missing}, or choose another folder for downloads.</source>
        <translation>Auf dem Datenträger sind {free} frei, und {needed} werden gebraucht. Schaffen Sie {missing} Platz, oder wählen Sie einen anderen Ordner für Downloads.</translation>
    </message>
    <message>
        <source>The disk is full, so the conversation is not saved.</source>
        <translation>Der Datenträger ist voll, daher ist die Unterhaltung nicht gespeichert.</translation>
    </message>
    <message>
        <source>The disk is full, {0} does not fit.</source>
        <translation>Der Datenträger ist voll, {0} passt nicht.</translation>
    </message>
    <message>
        <source>The disk or file server with the model {0} doesn&apos;t answer.</source>
        <translation>Die Festplatte oder der Dateiserver mit dem Modell {0} antwortet nicht.</translation>
    </message>
    <message>
        <source>The disk reported an error, so the conversation is not saved.</source>
        <translation>Der Datenträger meldete einen Fehler, daher ist die Unterhaltung nicht gespeichert.</translation>
    </message>
    <message>
        <source>The disk with the folder for downloads failed.</source>
        <translation>Der Datenträger mit dem Ordner für Downloads hat versagt.</translation>
    </message>
    <message>
        <source>The draft model can&apos;t be used. {0}</source>
        <translation>Das Entwurfsmodell kann nicht verwendet werden. {0}</translation>
    </message>
    <message>
        <source>The engine could not be started.</source>
        <translation>Der Rechenkern konnte nicht gestartet werden.</translation>
    </message>
    <message>
        <source>The engine did not react to Stop and had to be ended.</source>
        <translation>Der Rechenkern reagierte nicht auf „Anhalten“ und musste beendet werden.</translation>
    </message>
    <message>
        <source>The engine had to end, as a file of the model was cut or could not be read any more.</source>
        <translation>Der Rechenkern musste enden, weil eine Datei des Modells gekürzt wurde oder nicht mehr zu lesen war.</translation>
    </message>
    <message>
        <source>The engine has stopped.</source>
        <translation>Der Rechenkern hat sich beendet.</translation>
    </message>
    <message>
        <source>The engine is asked.</source>
        <translation>Der Rechenkern wird gefragt.</translation>
    </message>
    <message>
        <source>The engine is being started again.</source>
        <translation>Der Rechenkern wird noch einmal gestartet.</translation>
    </message>
    <message>
        <source>The engine is not running.</source>
        <translation>Der Rechenkern läuft nicht.</translation>
    </message>
    <message>
        <source>The engine is ready.</source>
        <translation>Der Rechenkern ist bereit.</translation>
    </message>
    <message>
        <source>The engine is starting again.</source>
        <translation>Der Rechenkern startet noch einmal.</translation>
    </message>
    <message>
        <source>The engine is starting.</source>
        <translation>Der Rechenkern startet.</translation>
    </message>
    <message>
        <source>The engine says it as soon as it has a moment.</source>
        <translation>Der Rechenkern sagt es, sobald er einen Moment hat.</translation>
    </message>
    <message>
        <source>The engine says what it keeps as soon as it has a moment.</source>
        <translation>Der Rechenkern sagt, was er vorhält, sobald er einen Moment hat.</translation>
    </message>
    <message>
        <source>The engine stopped three times within a minute and was not started again.</source>
        <translation>Der Rechenkern endete dreimal in einer Minute und wurde nicht wieder gestartet.</translation>
    </message>
    <message>
        <source>The engine stopped unexpectedly while answering.</source>
        <translation>Der Rechenkern endete unerwartet, während er antwortete.</translation>
    </message>
    <message>
        <source>The engine stopped unexpectedly while downloading.</source>
        <translation>Der Rechenkern endete unerwartet beim Herunterladen.</translation>
    </message>
    <message>
        <source>The engine stopped unexpectedly while loading the model.</source>
        <translation>Der Rechenkern endete unerwartet beim Laden des Modells.</translation>
    </message>
    <message>
        <source>The engine stopped unexpectedly.</source>
        <translation>Der Rechenkern endete unerwartet.</translation>
    </message>
    <message>
        <source>The engine was ended by the system while answering, probably because memory ran out.</source>
        <translation>Der Rechenkern wurde vom System beendet, während er antwortete, wohl weil der Speicher ausging.</translation>
    </message>
    <message>
        <source>The engine was ended by the system while downloading, probably because memory ran out.</source>
        <translation>Der Rechenkern wurde beim Herunterladen vom System beendet, wohl weil der Speicher ausging.</translation>
    </message>
    <message>
        <source>The engine was ended by the system while loading the model, probably because memory ran out.</source>
        <translation>Der Rechenkern wurde beim Laden des Modells vom System beendet, wohl weil der Speicher ausging.</translation>
    </message>
    <message>
        <source>The engine was ended by the system, probably because memory ran out.</source>
        <translation>Der Rechenkern wurde vom System beendet, wohl weil der Speicher ausging.</translation>
    </message>
    <message>
        <source>The exact prompt</source>
        <translation>Der genaue Prompt</translation>
    </message>
    <message>
        <source>The file could not be read to its end; reading it took too much memory, or was stopped.</source>
        <translation>Die Datei konnte nicht zu Ende gelesen werden: Das Lesen brauchte zu viel Speicher oder wurde beendet.</translation>
    </message>
    <message>
        <source>The file could not be saved: {problem}. Choose another place, or copy the code instead.</source>
        <translation>Die Datei konnte nicht gespeichert werden: {problem}. Wählen Sie einen anderen Ort, oder kopieren Sie stattdessen den Code.</translation>
    </message>
    <message>
        <source>The file could not be written ({reason}).</source>
        <translation>Die Datei konnte nicht geschrieben werden ({reason}).</translation>
    </message>
    <message>
        <source>The file doesn&apos;t say how its letters are written; some may be wrong.</source>
        <translation>Die Datei sagt nicht, wie ihre Buchstaben geschrieben sind; manche könnten falsch sein.</translation>
    </message>
    <message>
        <source>The file is damaged, or was not written to its end.</source>
        <translation>Die Datei ist beschädigt oder wurde nicht zu Ende geschrieben.</translation>
    </message>
    <message>
        <source>The file is larger than 500 MB, which is more than Hearth reads at once.</source>
        <translation>Die Datei ist größer als 500 MB; so viel liest Hearth nicht auf einmal.</translation>
    </message>
    <message>
        <source>The file needs more memory to read than there is.</source>
        <translation>Um die Datei zu lesen, reicht der Speicher nicht.</translation>
    </message>
    <message>
        <source>The file was given up already.</source>
        <translation>Die Datei wurde schon aufgegeben.</translation>
    </message>
    <message>
        <source>The file was kept as {kept}.</source>
        <translation>Die Datei wurde als {kept} aufbewahrt.</translation>
    </message>
    <message>
        <source>The file with certificates can&apos;t be used.</source>
        <translation>Die Datei mit den Zertifikaten kann nicht verwendet werden.</translation>
    </message>
    <message>
        <source>The file with the conversations is damaged and can&apos;t be moved aside.</source>
        <translation>Die Datei mit den Unterhaltungen ist beschädigt und lässt sich nicht beiseitelegen.</translation>
    </message>
    <message>
        <source>The file with the conversations is damaged.</source>
        <translation>Die Datei mit den Unterhaltungen ist beschädigt.</translation>
    </message>
    <message>
        <source>The file with the conversations was written by another program.</source>
        <translation>Die Datei mit den Unterhaltungen wurde von einem anderen Programm geschrieben.</translation>
    </message>
    <message>
        <source>The file with your conversations was damaged and there is no backup yet, so Hearth starts with an empty one. The damaged file was kept as {kept}.</source>
        <translation>Die Datei mit Ihren Unterhaltungen war beschädigt, und es gibt noch keine Sicherung; daher beginnt Hearth mit einer leeren. Die beschädigte Datei wurde als {kept} aufbewahrt.</translation>
    </message>
    <message>
        <source>The file with your conversations was damaged, so the newest backup was opened. What was written after {when} is missing; the damaged file was kept as {kept}.</source>
        <translation>Die Datei mit Ihren Unterhaltungen war beschädigt, daher wurde die neueste Sicherung geöffnet. Was nach {when} geschrieben wurde, fehlt; die beschädigte Datei wurde als {kept} aufbewahrt.</translation>
    </message>
    <message>
        <source>The file {0} of {1} arrived damaged twice and was thrown away.</source>
        <translation>Die Datei {0} von {1} kam zweimal beschädigt an und wurde weggeworfen.</translation>
    </message>
    <message>
        <source>The file {name} can&apos;t be read ({reason}).</source>
        <translation>Die Datei {name} kann nicht gelesen werden ({reason}).</translation>
    </message>
    <message>
        <source>The file {name} could not be written to {folder} ({reason}).</source>
        <translation>Die Datei {name} konnte nicht nach {folder} geschrieben werden ({reason}).</translation>
    </message>
    <message>
        <source>The file&apos;s own description was read; it is converted when it is loaded for the first time.</source>
        <translation>Die eigene Beschreibung der Datei wurde gelesen; sie wird umgewandelt, wenn sie zum ersten Mal geladen wird.</translation>
    </message>
    <message>
        <source>The files of {0} cannot be read.</source>
        <translation>Die Dateien von {0} lassen sich nicht lesen.</translation>
    </message>
    <message>
        <source>The folder for downloads cannot be written.</source>
        <translation>Der Ordner für Downloads ist nicht beschreibbar.</translation>
    </message>
    <message>
        <source>The folder has to be named in full, from the root or the drive on.</source>
        <translation>Der Ordner muss vollständig genannt werden, von der Wurzel oder vom Laufwerk an.</translation>
    </message>
    <message>
        <source>The folder lies inside the one that is to be moved.</source>
        <translation>Der Ordner liegt in dem, der verschoben werden soll.</translation>
    </message>
    <message>
        <source>The folder {0} holds a GGUF file, which is opened by itself.</source>
        <translation>Der Ordner {0} enthält eine GGUF-Datei, die für sich geöffnet wird.</translation>
    </message>
    <message>
        <source>The folder {0} holds its weights only {1}.</source>
        <translation>Der Ordner {0} enthält seine Gewichte nur {1}.</translation>
    </message>
    <message>
        <source>The folder {0} holds no model.</source>
        <translation>Der Ordner {0} enthält kein Modell.</translation>
    </message>
    <message>
        <source>The folder {folder} can&apos;t be used ({reason}).</source>
        <translation>Der Ordner {folder} kann nicht verwendet werden ({reason}).</translation>
    </message>
    <message>
        <source>The folder “{name}” was deleted. Its conversations are still here.</source>
        <translation>Der Ordner „{name}“ wurde gelöscht. Seine Unterhaltungen sind noch da.</translation>
    </message>
    <message>
        <source>The graphics card</source>
        <translation>Die Grafikkarte</translation>
    </message>
    <message>
        <source>The graphics card can&apos;t be reached any more, so {name} answers on the CPU now. {hint}</source>
        <translation>Die Grafikkarte ist nicht mehr erreichbar, daher antwortet {name} jetzt auf dem Prozessor. {hint}</translation>
    </message>
    <message>
        <source>The graphics card stopped working for Hearth.</source>
        <translation>Die Grafikkarte hat für Hearth aufgehört zu arbeiten.</translation>
    </message>
    <message>
        <source>The import could not be finished.</source>
        <translation>Der Import konnte nicht abgeschlossen werden.</translation>
    </message>
    <message>
        <source>The installed PyTorch has no code for this graphics card.</source>
        <translation>Das installierte PyTorch hat keinen Code für diese Grafikkarte.</translation>
    </message>
    <message>
        <source>The instructions and this message have {0} tokens, but the model&apos;s window holds {1}.</source>
        <translation>Die Anweisungen und diese Nachricht haben {0} Tokens, aber das Modell fasst {1}.</translation>
    </message>
    <message>
        <source>The key of “{action}” can&apos;t be changed.</source>
        <translation>Die Taste von „{action}“ lässt sich nicht ändern.</translation>
    </message>
    <message>
        <source>The keyring did not keep the token.</source>
        <translation>Der Schlüsselbund hat das Token nicht aufbewahrt.</translation>
    </message>
    <message>
        <source>The keyring is locked.</source>
        <translation>Der Schlüsselbund ist gesperrt.</translation>
    </message>
    <message>
        <source>The keyring of this computer can&apos;t be used.</source>
        <translation>Der Schlüsselbund dieses Rechners kann nicht verwendet werden.</translation>
    </message>
    <message>
        <source>The language of menus, buttons and messages. Models answer in the language they are asked in.</source>
        <translation>Die Sprache von Menüs, Knöpfen und Meldungen. Modelle antworten in der Sprache, in der sie gefragt werden.</translation>
    </message>
    <message>
        <source>The memory of {0}</source>
        <translation>Der Speicher von {0}</translation>
    </message>
    <message>
        <source>The message and its answer were deleted.</source>
        <translation>Die Nachricht und ihre Antwort wurden gelöscht.</translation>
    </message>
    <message>
        <source>The message is empty.</source>
        <translation>Die Nachricht ist leer.</translation>
    </message>
    <message>
        <source>The message was deleted, with {count} that followed.</source>
        <translation>Die Nachricht und {count} folgende wurden gelöscht.</translation>
    </message>
    <message>
        <source>The message was deleted.</source>
        <translation>Die Nachricht wurde gelöscht.</translation>
    </message>
    <message>
        <source>The messages can&apos;t be searched.</source>
        <translation>Die Nachrichten lassen sich nicht durchsuchen.</translation>
    </message>
    <message>
        <source>The model</source>
        <translation>Das Modell</translation>
    </message>
    <message>
        <source>The model can go on without the oldest messages of this conversation; they stay on screen.</source>
        <translation>Das Modell kann ohne die ältesten Nachrichten dieser Unterhaltung weitermachen; sie bleiben auf dem Bildschirm.</translation>
    </message>
    <message>
        <source>The model can&apos;t hold more at once. It can go on without the oldest messages; they stay on screen.</source>
        <translation>Das Modell kann nicht mehr auf einmal fassen. Es kann ohne die ältesten Nachrichten weitermachen; sie bleiben auf dem Bildschirm.</translation>
    </message>
    <message>
        <source>The model computes nothing that an answer could be chosen from: its weights are damaged, or too large for this precision.</source>
        <translation>Das Modell berechnet nichts, woraus sich eine Antwort wählen ließe: Seine Gewichte sind beschädigt oder zu groß für diese Genauigkeit.</translation>
    </message>
    <message>
        <source>The model could not be prepared on disk: {0}.</source>
        <translation>Das Modell konnte nicht auf dem Datenträger vorbereitet werden: {0}.</translation>
    </message>
    <message>
        <source>The model finished its answer.</source>
        <translation>Das Modell hat seine Antwort beendet.</translation>
    </message>
    <message>
        <source>The model no longer reads what stands above</source>
        <translation>Was darüber steht, liest das Modell nicht mehr</translation>
    </message>
    <message>
        <source>The model that is loaded when Hearth opens: the built-in one (starter), a name from the Hub, or a folder.</source>
        <translation>Das Modell, das beim Öffnen von Hearth geladen wird: das eingebaute (starter), ein Name vom Hub, oder ein Ordner.</translation>
    </message>
    <message>
        <source>The model wrote this link. Open it in your browser?</source>
        <translation>Das Modell hat diesen Link geschrieben. Im Browser öffnen?</translation>
    </message>
    <message>
        <source>The model {0}</source>
        <translation>Das Modell {0}</translation>
    </message>
    <message>
        <source>The model {0} cannot be loaded: {1}.</source>
        <translation>Das Modell {0} kann nicht geladen werden: {1}.</translation>
    </message>
    <message>
        <source>The model {0} cannot be used for chatting: how it reads a word depends on the words behind it.</source>
        <translation>Das Modell {0} eignet sich nicht zum Chatten: Wie es ein Wort liest, hängt von den Wörtern dahinter ab.</translation>
    </message>
    <message>
        <source>The model {0} cannot be used for chatting: {1}.</source>
        <translation>Das Modell {0} eignet sich nicht zum Chatten: {1}.</translation>
    </message>
    <message>
        <source>The model {0} computes no numbers: its weights or its configuration are damaged.</source>
        <translation>Das Modell {0} berechnet keine Zahlen: Seine Gewichte oder seine Konfiguration sind beschädigt.</translation>
    </message>
    <message>
        <source>The model {0} could be loaded, but its program code fails when it computes in {1}.</source>
        <translation>Das Modell {0} konnte geladen werden, aber sein Programmcode scheitert beim Rechnen in {1}.</translation>
    </message>
    <message>
        <source>The model {0} does not say how a conversation is written for it (it has no chat template).</source>
        <translation>Das Modell {0} sagt nicht, wie eine Unterhaltung für es geschrieben wird (es hat keine Chat-Vorlage).</translation>
    </message>
    <message>
        <source>The model {0} has its weights only in a format that can run code ({1}).</source>
        <translation>Das Modell {0} hat seine Gewichte nur in einem Format, das Code ausführen kann ({1}).</translation>
    </message>
    <message>
        <source>The model {0} has no .safetensors files, the only format Hearth downloads.</source>
        <translation>Das Modell {0} hat keine .safetensors-Dateien, das einzige Format, das Hearth herunterlädt.</translation>
    </message>
    <message>
        <source>The model {0} is incomplete: {1}.</source>
        <translation>Das Modell {0} ist unvollständig: {1}.</translation>
    </message>
    <message>
        <source>The model {0} tells no word from another: its weights are empty or damaged.</source>
        <translation>Das Modell {0} unterscheidet kein Wort vom anderen: Seine Gewichte sind leer oder beschädigt.</translation>
    </message>
    <message>
        <source>The model {0} wants its weights read from a file that Hearth does not allow.</source>
        <translation>Das Modell {0} will seine Gewichte aus einer Datei lesen lassen, die Hearth nicht zulässt.</translation>
    </message>
    <message>
        <source>The model {0} wants to run its own program code, which Hearth does not allow.</source>
        <translation>Das Modell {0} will eigenen Programmcode ausführen, was Hearth nicht zulässt.</translation>
    </message>
    <message>
        <source>The model “{0}” does not exist on the Hub, or is not shown to everyone.</source>
        <translation>Das Modell „{0}“ gibt es auf dem Hub nicht, oder es wird nicht allen gezeigt.</translation>
    </message>
    <message>
        <source>The model&apos;s chat template can&apos;t be used for this conversation: it prints nothing.</source>
        <translation>Die Chat-Vorlage des Modells kann für diese Unterhaltung nicht verwendet werden: Sie gibt nichts aus.</translation>
    </message>
    <message>
        <source>The model&apos;s chat template can&apos;t be used for this conversation: {0}.</source>
        <translation>Die Chat-Vorlage des Modells kann für diese Unterhaltung nicht verwendet werden: {0}.</translation>
    </message>
    <message>
        <source>The model&apos;s context window is full.</source>
        <translation>Der Kontext des Modells ist voll.</translation>
    </message>
    <message>
        <source>The model&apos;s weights do not know “{0}”, which its tokenizer writes.</source>
        <translation>Die Gewichte des Modells kennen „{0}“ nicht, das sein Tokenizer schreibt.</translation>
    </message>
    <message>
        <source>The models could not be moved: {0}.</source>
        <translation>Die Modelle konnten nicht verschoben werden: {0}.</translation>
    </message>
    <message>
        <source>The models lie in this folder already.</source>
        <translation>Die Modelle liegen schon in diesem Ordner.</translation>
    </message>
    <message>
        <source>The models need {0} GB, but only {1} GB are free in {2}.</source>
        <translation>Die Modelle brauchen {0} GB, aber in {2} sind nur {1} GB frei.</translation>
    </message>
    <message>
        <source>The most careful writer of its family, for large graphics cards.</source>
        <translation>Der sorgfältigste Schreiber seiner Familie, für große Grafikkarten.</translation>
    </message>
    <message>
        <source>The name {0} is known.</source>
        <translation>Der Name {0} ist bekannt.</translation>
    </message>
    <message>
        <source>The network answered with a web page in place of the Hub; it probably asks for a login.</source>
        <translation>Das Netz antwortete mit einer Webseite anstelle des Hub; es verlangt vermutlich eine Anmeldung.</translation>
    </message>
    <message>
        <source>The newest answer&apos;s thinking is part of it; most models don&apos;t read it again.</source>
        <translation>Darin sind die Gedanken der neuesten Antwort enthalten; die meisten Modelle lesen sie nicht noch einmal.</translation>
    </message>
    <message>
        <source>The oldest messages are left out, as the conversation is too long for the model.</source>
        <translation>Die ältesten Nachrichten sind weggelassen, da die Unterhaltung zu lang für das Modell ist.</translation>
    </message>
    <message>
        <source>The only keyring here is a plain file, which Hearth doesn&apos;t use.</source>
        <translation>Der einzige Schlüsselbund hier ist eine einfache Datei, die Hearth nicht verwendet.</translation>
    </message>
    <message>
        <source>The other model could not be loaded, so there is no new answer. What was there is kept.</source>
        <translation>Das andere Modell konnte nicht geladen werden, daher gibt es keine neue Antwort. Was da war, bleibt erhalten.</translation>
    </message>
    <message>
        <source>The program that reads files could not be started ({reason}).</source>
        <translation>Das Programm, das Dateien liest, konnte nicht gestartet werden ({reason}).</translation>
    </message>
    <message>
        <source>The prompt&apos;s parts</source>
        <translation>Die Teile des Prompts</translation>
    </message>
    <message>
        <source>The prompt&apos;s text</source>
        <translation>Der Text des Prompts</translation>
    </message>
    <message>
        <source>The proxy asks for a name and a password.</source>
        <translation>Der Proxy verlangt einen Namen und ein Passwort.</translation>
    </message>
    <message>
        <source>The proxy {0} refuses the way to the Hub.</source>
        <translation>Der Proxy {0} verweigert den Weg zum Hub.</translation>
    </message>
    <message>
        <source>The publisher asks you to accept terms before you download this model.</source>
        <translation>Der Herausgeber bittet Sie, Bedingungen anzunehmen, bevor Sie dieses Modell herunterladen.</translation>
    </message>
    <message>
        <source>The publisher lets people download this model after a request, which somebody has to answer.</source>
        <translation>Der Herausgeber lässt dieses Modell nach einer Anfrage herunterladen, die jemand beantworten muss.</translation>
    </message>
    <message>
        <source>The publisher of {0} gives it only to people who accepted the terms.</source>
        <translation>Der Herausgeber von {0} gibt es nur an Leute, die die Bedingungen angenommen haben.</translation>
    </message>
    <message>
        <source>The publisher of {0} has turned your request down.</source>
        <translation>Der Herausgeber von {0} hat Ihre Anfrage abgelehnt.</translation>
    </message>
    <message>
        <source>The question was given up, as the model changed. Look again.</source>
        <translation>Die Frage wurde aufgegeben, da sich das Modell geändert hat. Sehen Sie noch einmal nach.</translation>
    </message>
    <message>
        <source>The rest of an answer</source>
        <translation>Der Rest einer Antwort</translation>
    </message>
    <message>
        <source>The rest was cancelled.</source>
        <translation>Der Rest wurde abgebrochen.</translation>
    </message>
    <message>
        <source>The server {0} gives answers that the Hub does not give.</source>
        <translation>Der Server {0} gibt Antworten, die der Hub nicht gibt.</translation>
    </message>
    <message>
        <source>The server {0} leads in a circle.</source>
        <translation>Der Server {0} führt im Kreis.</translation>
    </message>
    <message>
        <source>The server {0} took too long to answer.</source>
        <translation>Der Server {0} brauchte zu lange für eine Antwort.</translation>
    </message>
    <message>
        <source>The settings can&apos;t be read ({reason}), so the usual ones are used.</source>
        <translation>Die Einstellungen lassen sich nicht lesen ({reason}), daher gelten die üblichen.</translation>
    </message>
    <message>
        <source>The settings could not be saved ({reason}).</source>
        <translation>Die Einstellungen konnten nicht gespeichert werden ({reason}).</translation>
    </message>
    <message>
        <source>The smallest model that holds a sensible conversation; quick on any computer.</source>
        <translation>Das kleinste Modell, das eine vernünftige Unterhaltung führt; schnell auf jedem Rechner.</translation>
    </message>
    <message>
        <source>The starter model can&apos;t be deleted: it is a part of Hearth.</source>
        <translation>Das Startmodell lässt sich nicht löschen: Es ist ein Teil von Hearth.</translation>
    </message>
    <message>
        <source>The starter model is not installed.</source>
        <translation>Das Startmodell ist nicht installiert.</translation>
    </message>
    <message>
        <source>The starter model&apos;s file is damaged.</source>
        <translation>Die Datei des Startmodells ist beschädigt.</translation>
    </message>
    <message>
        <source>The strongest model of this list, in 4 bit on a single card of 80 GiB.</source>
        <translation>Das stärkste Modell dieser Liste, in 4 Bit auf einer einzigen Karte mit 80 GiB.</translation>
    </message>
    <message>
        <source>The token is known until Hearth closes.</source>
        <translation>Das Token ist bekannt, bis Hearth geschlossen wird.</translation>
    </message>
    <message>
        <source>The usual folder for models of Hugging Face</source>
        <translation>Der übliche Ordner für Modelle von Hugging Face</translation>
    </message>
    <message>
        <source>Then</source>
        <translation>Danach</translation>
    </message>
    <message>
        <source>There are: {0}.</source>
        <translation>Es gibt: {0}.</translation>
    </message>
    <message>
        <source>There is no Hub at this address.</source>
        <translation>An dieser Adresse ist kein Hub.</translation>
    </message>
    <message>
        <source>There is no device “{0}” on this computer.</source>
        <translation>Auf diesem Rechner gibt es kein Gerät „{0}“.</translation>
    </message>
    <message>
        <source>There is no model “{0}” on the Hub.</source>
        <translation>Auf dem Hub gibt es kein Modell „{0}“.</translation>
    </message>
    <message>
        <source>There is no model “{0}” on this computer that could be deleted.</source>
        <translation>Auf diesem Rechner gibt es kein Modell „{0}“, das gelöscht werden könnte.</translation>
    </message>
    <message>
        <source>There is no model “{0}” on this computer.</source>
        <translation>Auf diesem Rechner gibt es kein Modell „{0}“.</translation>
    </message>
    <message>
        <source>There is no revision “{0}” of {1} on this computer.</source>
        <translation>Auf diesem Rechner gibt es keine Revision „{0}“ von {1}.</translation>
    </message>
    <message>
        <source>There is {0}.</source>
        <translation>Es gibt {0}.</translation>
    </message>
    <message>
        <source>There was no conversation in the file.</source>
        <translation>In der Datei war keine Unterhaltung.</translation>
    </message>
    <message>
        <source>There was not enough main memory to load {0}: {1} GiB of it were to wait there.</source>
        <translation>Um {0} zu laden, fehlte Arbeitsspeicher: {1} GiB davon sollten dort warten.</translation>
    </message>
    <message>
        <source>There was not enough memory.</source>
        <translation>Es war nicht genug Speicher da.</translation>
    </message>
    <message>
        <source>There was not enough {0} to load {1}: {2} GiB were planned of {3} GiB free on {4}.</source>
        <translation>Es war nicht genug {0} da, um {1} zu laden: Geplant waren {2} GiB von {3} freien GiB auf {4}.</translation>
    </message>
    <message>
        <source>These conversations were written by a newer Hearth (format {version}; this one knows {migrations}).</source>
        <translation>Diese Unterhaltungen wurden von einem neueren Hearth geschrieben (Format {version}; dieses kennt {migrations}).</translation>
    </message>
    <message>
        <source>These hold for this conversation only. What you leave alone follows the settings of Hearth.</source>
        <translation>Dies gilt nur für diese Unterhaltung. Was Sie nicht anrühren, folgt den Einstellungen von Hearth.</translation>
    </message>
    <message>
        <source>These hold for this conversation only. What you leave alone follows what is set for the model, else the settings of Hearth.</source>
        <translation>Dies gilt nur für diese Unterhaltung. Was Sie nicht anrühren, folgt dem, was für das Modell festgelegt ist, sonst den Einstellungen von Hearth.</translation>
    </message>
    <message>
        <source>These hold whenever {model} is used. What you leave alone follows the settings of Hearth; a conversation&apos;s own settings come before these.</source>
        <translation>Dies gilt immer, wenn {model} verwendet wird. Was Sie nicht anrühren, folgt den Einstellungen von Hearth; eigene Einstellungen einer Unterhaltung gehen vor.</translation>
    </message>
    <message>
        <source>These messages come back with the ones they follow: undo that deletion as well.</source>
        <translation>Diese Nachrichten kommen mit denen zurück, auf die sie folgen: Machen Sie auch deren Löschen rückgängig.</translation>
    </message>
    <message>
        <source>They go from {folder} to {target}. Other programs that use them look in the old place unless they are told. Hearth answers again when everything is there.</source>
        <translation>Sie wandern von {folder} nach {target}. Andere Programme, die sie verwenden, suchen am alten Platz, solange es ihnen niemand sagt. Hearth antwortet wieder, wenn alles dort ist.</translation>
    </message>
    <message>
        <source>Thin&amp;king</source>
        <translation>Nachd&amp;enken</translation>
    </message>
    <message>
        <source>Thin&amp;king (only models with a switch for it)</source>
        <translation>Nachd&amp;enken (nur Modelle mit einem Schalter dafür)</translation>
    </message>
    <message>
        <source>Think</source>
        <translation>Denken</translation>
    </message>
    <message>
        <source>Think before answering</source>
        <translation>Vor der Antwort nachdenken</translation>
    </message>
    <message>
        <source>Think before answering: &amp;high</source>
        <translation>Vor der Antwort nachdenken: &amp;viel</translation>
    </message>
    <message>
        <source>Think before answering: &amp;low</source>
        <translation>Vor der Antwort nachdenken: &amp;wenig</translation>
    </message>
    <message>
        <source>Think before answering: &amp;medium</source>
        <translation>Vor der Antwort nachdenken: &amp;mittel</translation>
    </message>
    <message>
        <source>Think: {choice}</source>
        <translation>Denken: {choice}</translation>
    </message>
    <message>
        <source>Thinking</source>
        <translation>Nachdenken</translation>
    </message>
    <message>
        <source>Thinking {seconds} s</source>
        <translation>Denkt nach: {seconds} s</translation>
    </message>
    <message>
        <source>Thinking: {choice}</source>
        <translation>Nachdenken: {choice}</translation>
    </message>
    <message>
        <source>This answer ended because the model&apos;s context window was full.</source>
        <translation>Diese Antwort endete, weil das Kontextfenster des Modells voll war.</translation>
    </message>
    <message>
        <source>This answer is too long to be edited here ({characters} characters, {lines} lines).</source>
        <translation>Diese Antwort ist zu lang, um hier bearbeitet zu werden ({characters} Zeichen, {lines} Zeilen).</translation>
    </message>
    <message>
        <source>This answer reached its length limit.</source>
        <translation>Diese Antwort hat ihre größte Länge erreicht.</translation>
    </message>
    <message>
        <source>This answer was interrupted before it began.</source>
        <translation>Diese Antwort wurde unterbrochen, bevor sie begann.</translation>
    </message>
    <message>
        <source>This answer was interrupted. What was written is kept.</source>
        <translation>Diese Antwort wurde unterbrochen. Was geschrieben wurde, bleibt erhalten.</translation>
    </message>
    <message>
        <source>This backup is damaged.</source>
        <translation>Diese Sicherung ist beschädigt.</translation>
    </message>
    <message>
        <source>This can be no name of a model.</source>
        <translation>Das kann kein Name eines Modells sein.</translation>
    </message>
    <message>
        <source>This command doesn&apos;t belong on the compute lane.</source>
        <translation>Dieser Befehl gehört nicht auf die Rechenspur.</translation>
    </message>
    <message>
        <source>This computer has no keyring that Hearth could use.</source>
        <translation>Dieser Rechner hat keinen Schlüsselbund, den Hearth verwenden könnte.</translation>
    </message>
    <message>
        <source>This computer has no keyring.</source>
        <translation>Dieser Rechner hat keinen Schlüsselbund.</translation>
    </message>
    <message>
        <source>This computer&apos;s memory</source>
        <translation>Der Speicher dieses Rechners</translation>
    </message>
    <message>
        <source>This conversation as &amp;JSON…</source>
        <translation>Diese Unterhaltung als &amp;JSON…</translation>
    </message>
    <message>
        <source>This conversation as &amp;Markdown…</source>
        <translation>Diese Unterhaltung als &amp;Markdown…</translation>
    </message>
    <message>
        <source>This conversation got longer than what the model can hold at once, so its oldest messages are left out. They are still here. Conversation &gt; When the conversation is full changes that.</source>
        <translation>Diese Unterhaltung wurde länger, als das Modell auf einmal fassen kann; daher werden ihre ältesten Nachrichten weggelassen. Sie sind noch da. „Unterhaltung &gt; Wenn die Unterhaltung voll ist“ ändert das.</translation>
    </message>
    <message>
        <source>This conversation is full: the conversation takes {used} tokens, the model can hold {window}. The model will not answer.</source>
        <translation>Diese Unterhaltung ist voll: Sie belegt {used} Tokens, das Modell kann {window} fassen. Das Modell wird nicht antworten.</translation>
    </message>
    <message>
        <source>This conversation takes {used} of the {window} tokens that the model can hold.</source>
        <translation>Diese Unterhaltung belegt {used} der {window} Tokens, die das Modell fassen kann.</translation>
    </message>
    <message>
        <source>This conversation was deleted for good in another window.</source>
        <translation>Diese Unterhaltung wurde in einem anderen Fenster endgültig gelöscht.</translation>
    </message>
    <message>
        <source>This could not be handed to the engine: it is too long, or holds characters that are no text.</source>
        <translation>Dies konnte dem Rechenkern nicht übergeben werden: Es ist zu lang, oder enthält Zeichen, die kein Text sind.</translation>
    </message>
    <message>
        <source>This file was written by a newer Hearth, or is damaged.</source>
        <translation>Diese Datei hat ein neueres Hearth geschrieben, oder sie ist beschädigt.</translation>
    </message>
    <message>
        <source>This frees {size} of the disk. {more} Your conversations with it stay.</source>
        <translation>Das gibt {size} auf dem Datenträger frei. {more} Ihre Unterhaltungen damit bleiben.</translation>
    </message>
    <message>
        <source>This frees {size}, of all models. Your conversations keep every word; each is read again with its next message.</source>
        <translation>Das gibt {size} frei, von allen Modellen. Ihre Unterhaltungen behalten jedes Wort; jede wird mit ihrer nächsten Nachricht neu gelesen.</translation>
    </message>
    <message>
        <source>This has to be a number.</source>
        <translation>Das muss eine Zahl sein.</translation>
    </message>
    <message>
        <source>This has to be a whole number, such as {number} or {grouped}.</source>
        <translation>Das muss eine ganze Zahl sein, etwa {number} oder {grouped}.</translation>
    </message>
    <message>
        <source>This has to be a whole number.</source>
        <translation>Das muss eine ganze Zahl sein.</translation>
    </message>
    <message>
        <source>This has to be between {low} and {high}.</source>
        <translation>Das muss zwischen {low} und {high} liegen.</translation>
    </message>
    <message>
        <source>This is no file with conversations that Hearth knows.</source>
        <translation>Das ist keine Datei mit Unterhaltungen, die Hearth kennt.</translation>
    </message>
    <message>
        <source>This is the address of {0}, not of a model.</source>
        <translation>Das ist die Adresse von {0}, nicht von einem Modell.</translation>
    </message>
    <message>
        <source>This is too long to be pasted ({count} characters). Attach the part that matters.</source>
        <translation>Das ist zu lang zum Einfügen ({count} Zeichen). Hängen Sie den Teil an, auf den es ankommt.</translation>
    </message>
    <message>
        <source>This key can&apos;t be changed.</source>
        <translation>Diese Taste lässt sich nicht ändern.</translation>
    </message>
    <message>
        <source>This message alone has {0} tokens, but the model&apos;s window holds {1}.</source>
        <translation>Diese Nachricht allein hat {0} Tokens, aber das Modell fasst {1}.</translation>
    </message>
    <message>
        <source>This message and its answer have {0} tokens, but the model&apos;s window holds {1}.</source>
        <translation>Diese Nachricht und ihre Antwort haben zusammen {0} Tokens, aber das Modell fasst {1}.</translation>
    </message>
    <message>
        <source>This message does not fit: the conversation takes {used} tokens, the model can hold {window}. The model will not answer.</source>
        <translation>Diese Nachricht passt nicht: Die Unterhaltung belegt {used} Tokens, das Modell kann {window} fassen. Das Modell wird nicht antworten.</translation>
    </message>
    <message>
        <source>This model</source>
        <translation>Dieses Modell</translation>
    </message>
    <message>
        <source>This model answers now.</source>
        <translation>Dieses Modell antwortet jetzt.</translation>
    </message>
    <message>
        <source>This names no model on the Hub.</source>
        <translation>Das nennt kein Modell auf dem Hub.</translation>
    </message>
    <message>
        <source>This part brings no text of its licence along.</source>
        <translation>Dieser Teil bringt keinen Text seiner Lizenz mit.</translation>
    </message>
    <message>
        <source>This server can&apos;t tell whom it belongs to.</source>
        <translation>Dieser Server kann nicht sagen, wem es gehört.</translation>
    </message>
    <message>
        <source>Thought</source>
        <translation>Gedanken</translation>
    </message>
    <message>
        <source>Thought for {seconds} s</source>
        <translation>{seconds} s nachgedacht</translation>
    </message>
    <message>
        <source>Thoughts</source>
        <translation>Gedanken</translation>
    </message>
    <message>
        <source>Throw away</source>
        <translation>Wegwerfen</translation>
    </message>
    <message>
        <source>Throw away what was downloaded of {name}?</source>
        <translation>Wegwerfen, was von {name} heruntergeladen wurde?</translation>
    </message>
    <message>
        <source>Time</source>
        <translation>Zeit</translation>
    </message>
    <message>
        <source>Title</source>
        <translation>Titel</translation>
    </message>
    <message>
        <source>To be read</source>
        <translation>Zu lesen</translation>
    </message>
    <message>
        <source>To leave room for an answer the oldest messages will be left out; they stay on screen.</source>
        <translation>Um Platz für eine Antwort zu lassen, werden die ältesten Nachrichten weggelassen; sie bleiben auf dem Bildschirm.</translation>
    </message>
    <message>
        <source>To leave room for an answer the oldest messages will soon be left out; they stay on screen.</source>
        <translation>Um Platz für eine Antwort zu lassen, werden bald die ältesten Nachrichten weggelassen; sie bleiben auf dem Bildschirm.</translation>
    </message>
    <message>
        <source>Today</source>
        <translation>Heute</translation>
    </message>
    <message>
        <source>Token {number} of {count}: id {id}, “{text}”. {source}. {place}.</source>
        <translation>Token {number} von {count}: Id {id}, „{text}“. {source}. {place}.</translation>
    </message>
    <message>
        <source>Tokens</source>
        <translation>Tokens</translation>
    </message>
    <message>
        <source>Too big</source>
        <translation>Zu groß</translation>
    </message>
    <message>
        <source>Translates the model for this computer with a compiler, where there is one. Loading takes up to minutes longer, and it isn&apos;t always faster: the command “hearth bench rivals” tells. Nearly the same answers.</source>
        <translation>Übersetzt das Modell mit einem Compiler für diesen Rechner, wo es einen gibt. Das Laden kann Minuten länger dauern, und es ist nicht immer schneller: Der Befehl „hearth bench rivals“ sagt es. Fast dieselben Antworten.</translation>
    </message>
    <message>
        <source>Trending</source>
        <translation>Im Kommen</translation>
    </message>
    <message>
        <source>Try again</source>
        <translation>Noch einmal versuchen</translation>
    </message>
    <message>
        <source>Try again in a few minutes.</source>
        <translation>Versuchen Sie es in ein paar Minuten noch einmal.</translation>
    </message>
    <message>
        <source>Try again in {0}.</source>
        <translation>Versuchen Sie es in {0} noch einmal.</translation>
    </message>
    <message>
        <source>Try again later.</source>
        <translation>Versuchen Sie es später noch einmal.</translation>
    </message>
    <message>
        <source>Try again later; all other files are kept.</source>
        <translation>Versuchen Sie es später noch einmal; alle anderen Dateien bleiben erhalten.</translation>
    </message>
    <message>
        <source>Try again once it was granted.</source>
        <translation>Versuchen Sie es noch einmal, sobald sie bewilligt wurde.</translation>
    </message>
    <message>
        <source>Try again.</source>
        <translation>Versuchen Sie es noch einmal.</translation>
    </message>
    <message>
        <source>Try again. If it happens again, copy the details and report them.</source>
        <translation>Versuchen Sie es noch einmal. Wenn es wieder vorkommt, kopieren Sie die Einzelheiten und melden Sie sie.</translation>
    </message>
    <message>
        <source>Try again; what has arrived is kept.</source>
        <translation>Versuchen Sie es noch einmal; was angekommen ist, bleibt erhalten.</translation>
    </message>
    <message>
        <source>Try fewer words, another size, or paste a model&apos;s full name, such as Qwen/Qwen3-8B.</source>
        <translation>Versuchen Sie es mit weniger Wörtern oder einer anderen Größe, oder fügen Sie den vollen Namen eines Modells ein, etwa Qwen/Qwen3-8B.</translation>
    </message>
    <message>
        <source>Un&amp;pin</source>
        <translation>Lö&amp;sen</translation>
    </message>
    <message>
        <source>Undo</source>
        <translation>Rückgängig</translation>
    </message>
    <message>
        <source>Unload</source>
        <translation>Entladen</translation>
    </message>
    <message>
        <source>Unset it and try again.</source>
        <translation>Heben Sie sie auf, und versuchen Sie es noch einmal.</translation>
    </message>
    <message>
        <source>Up</source>
        <translation>Pfeil auf</translation>
    </message>
    <message>
        <source>Up / Down</source>
        <translation>Pfeil auf / Pfeil ab</translation>
    </message>
    <message>
        <source>Up to 4 billion</source>
        <translation>Bis zu 4 Milliarden</translation>
    </message>
    <message>
        <source>Update</source>
        <translation>Aktualisieren</translation>
    </message>
    <message>
        <source>Update Hearth, and import it again.</source>
        <translation>Aktualisieren Sie Hearth, und importieren Sie sie noch einmal.</translation>
    </message>
    <message>
        <source>Updated</source>
        <translation>Aktualisiert</translation>
    </message>
    <message>
        <source>Use an https:// address for the Hub, or remove the token</source>
        <translation>Verwenden Sie eine https://-Adresse für den Hub, oder entfernen Sie das Token</translation>
    </message>
    <message>
        <source>Use another token</source>
        <translation>Anderes Token verwenden</translation>
    </message>
    <message>
        <source>Use main, or one that its page shows.</source>
        <translation>Verwenden Sie main, oder eine, die seine Seite zeigt.</translation>
    </message>
    <message>
        <source>Use starter, a folder with a model, a GGUF file, or the name of a model that has been downloaded.</source>
        <translation>Verwenden Sie starter, einen Ordner mit einem Modell, eine GGUF-Datei, oder den Namen eines Modells, das heruntergeladen wurde.</translation>
    </message>
    <message>
        <source>Use the CPU</source>
        <translation>Prozessor verwenden</translation>
    </message>
    <message>
        <source>Use this token</source>
        <translation>Dieses Token verwenden</translation>
    </message>
    <message>
        <source>Use {0} tokens of context</source>
        <translation>{0} Tokens Kontext verwenden</translation>
    </message>
    <message>
        <source>Uses a seventh of itself for each word, so it answers quickly on a processor, also behind long texts.</source>
        <translation>Nutzt für jedes Wort ein Siebtel von sich; so antwortet es auf einem Prozessor schnell, auch hinter langen Texten.</translation>
    </message>
    <message>
        <source>Version</source>
        <translation>Version</translation>
    </message>
    <message>
        <source>Version {version} of {versions}</source>
        <translation>Fassung {version} von {versions}</translation>
    </message>
    <message>
        <source>Views</source>
        <translation>Ansichten</translation>
    </message>
    <message>
        <source>Waiting for a disk or file server that does not answer</source>
        <translation>Warten auf eine Festplatte oder einen Dateiserver, der nicht antwortet</translation>
    </message>
    <message>
        <source>Waiting for the answer in “{title}”</source>
        <translation>Wartet auf die Antwort in „{title}“</translation>
    </message>
    <message>
        <source>Waits</source>
        <translation>Wartet</translation>
    </message>
    <message>
        <source>Waits for a model</source>
        <translation>Wartet auf ein Modell</translation>
    </message>
    <message>
        <source>Waits for its turn</source>
        <translation>Wartet, bis es an der Reihe ist</translation>
    </message>
    <message>
        <source>Waits for the answer in “{title}”</source>
        <translation>Wartet auf die Antwort in „{title}“</translation>
    </message>
    <message>
        <source>Waits for the model</source>
        <translation>Wartet auf das Modell</translation>
    </message>
    <message>
        <source>Waits until it can be saved</source>
        <translation>Wartet, bis sie gespeichert werden kann</translation>
    </message>
    <message>
        <source>Warm</source>
        <translation>Warm</translation>
    </message>
    <message>
        <source>Warm: {amount} are in place, so that nothing is read again.</source>
        <translation>Warm: {amount} sind einsatzbereit, sodass nichts neu gelesen wird.</translation>
    </message>
    <message>
        <source>Warm: {amount} is in place, so that nothing is read again.</source>
        <translation>Warm: {amount} ist einsatzbereit, sodass nichts neu gelesen wird.</translation>
    </message>
    <message>
        <source>Welcome to Hearth</source>
        <translation>Willkommen bei Hearth</translation>
    </message>
    <message>
        <source>What a screen reader says of answers</source>
        <translation>Was ein Screenreader von Antworten vorliest</translation>
    </message>
    <message>
        <source>What did you do, and what happened? (Optional)</source>
        <translation>Was haben Sie getan, und was geschah? (Freiwillig)</translation>
    </message>
    <message>
        <source>What goes with it</source>
        <translation>Was mitgeschickt wird</translation>
    </message>
    <message>
        <source>What happened</source>
        <translation>Was geschah</translation>
    </message>
    <message>
        <source>What happens when a conversation gets longer than what the model can hold. Messages that are left out stay on screen, and a line marks where the model begins to read. Each conversation may have its own choice.</source>
        <translation>Was geschieht, wenn eine Unterhaltung länger wird, als das Modell fassen kann. Nachrichten, die weggelassen werden, bleiben auf dem Bildschirm, und eine Linie zeigt, wo das Modell zu lesen beginnt. Jede Unterhaltung kann ihre eigene Wahl haben.</translation>
    </message>
    <message>
        <source>What has arrived is kept.</source>
        <translation>Was angekommen ist, bleibt erhalten.</translation>
    </message>
    <message>
        <source>What is kept now</source>
        <translation>Was jetzt vorgehalten wird</translation>
    </message>
    <message>
        <source>What is kept of which conversation</source>
        <translation>Was von welcher Unterhaltung vorgehalten wird</translation>
    </message>
    <message>
        <source>What is kept was read by other models, and is listed once one of them is loaded.</source>
        <translation>Was vorgehalten wird, haben andere Modelle gelesen. Es wird aufgelistet, sobald eines davon geladen ist.</translation>
    </message>
    <message>
        <source>What is read by itself, wherever the keyboard is. Failures are always said.</source>
        <translation>Was er von selbst vorliest, wo auch immer der Tastaturfokus ist. Fehler werden immer angesagt.</translation>
    </message>
    <message>
        <source>What is the capital of France, and what is it known for?</source>
        <translation>Was ist die Hauptstadt von Frankreich, und wofür ist sie bekannt?</translation>
    </message>
    <message>
        <source>What the model has read is kept on disk, so that conversations stay warm over a restart; 0 keeps none there.</source>
        <translation>Was das Modell gelesen hat, bleibt auf der Platte, sodass Unterhaltungen über einen Neustart warm bleiben; 0 hält dort keine.</translation>
    </message>
    <message>
        <source>What the model has read of a conversation is kept, so that going on needs no reading again.</source>
        <translation>Was das Modell von einer Unterhaltung gelesen hat, wird vorgehalten, damit es beim Weitermachen nichts neu lesen muss.</translation>
    </message>
    <message>
        <source>What the model has read stays in main memory, and is copied back when you return; 0 keeps none there.</source>
        <translation>Was das Modell gelesen hat, bleibt im Arbeitsspeicher und wird bei Ihrer Rückkehr zurückkopiert; 0 hält dort keine.</translation>
    </message>
    <message>
        <source>What the model is told before you say anything in this conversation. After a change it reads the conversation once more.</source>
        <translation>Was dem Modell gesagt wird, bevor Sie in dieser Unterhaltung etwas sagen. Nach einer Änderung liest es die Unterhaltung noch einmal.</translation>
    </message>
    <message>
        <source>What the model is told before you say anything, such as who it should be or how it should write.</source>
        <translation>Was dem Modell gesagt wird, bevor Sie etwas sagen, etwa wer es sein oder wie es schreiben soll.</translation>
    </message>
    <message>
        <source>What this model is told at the beginning of each new conversation.</source>
        <translation>Was diesem Modell am Anfang jeder neuen Unterhaltung gesagt wird.</translation>
    </message>
    <message>
        <source>What to do with this message</source>
        <translation>Was mit dieser Nachricht geschehen soll</translation>
    </message>
    <message>
        <source>What was asked for</source>
        <translation>Was verlangt wurde</translation>
    </message>
    <message>
        <source>What was asked {0}could not be had from the Hub.</source>
        <translation>Was {0}verlangt wurde, war vom Hub nicht zu bekommen.</translation>
    </message>
    <message>
        <source>What was written is kept.</source>
        <translation>Was geschrieben wurde, bleibt erhalten.</translation>
    </message>
    <message>
        <source>What was written is kept. Close other programs or load the model so that it needs less, then go on.</source>
        <translation>Was geschrieben wurde, bleibt erhalten. Schließen Sie andere Programme, oder laden Sie das Modell so, dass es weniger braucht, und machen Sie dann weiter.</translation>
    </message>
    <message>
        <source>What was written is kept. The engine starts anew; then try again.</source>
        <translation>Was geschrieben wurde, bleibt erhalten. Der Rechenkern startet neu; versuchen Sie es dann noch einmal.</translation>
    </message>
    <message>
        <source>What would you like to know?</source>
        <translation>Was möchten Sie wissen?</translation>
    </message>
    <message>
        <source>What you download shows up here, and goes on where it was left, also after a restart.</source>
        <translation>Was Sie herunterladen, erscheint hier und geht weiter, wo es aufgehört hat, auch nach einem Neustart.</translation>
    </message>
    <message>
        <source>What you wrote</source>
        <translation>Was Sie geschrieben haben</translation>
    </message>
    <message>
        <source>When a conversation is full</source>
        <translation>Wenn eine Unterhaltung voll ist</translation>
    </message>
    <message>
        <source>When the conversation is &amp;full</source>
        <translation>&amp;Wenn die Unterhaltung voll ist</translation>
    </message>
    <message>
        <source>Where an answer repeats what was said before, as when a text is edited, several words are guessed and checked at once. Each word is still the model&apos;s own choice, and comes faster; where that doesn&apos;t help, it isn&apos;t done.</source>
        <translation>Wo eine Antwort wiederholt, was schon gesagt wurde, etwa beim Überarbeiten eines Textes, werden mehrere Wörter auf einmal geraten und geprüft. Jedes Wort bleibt die Wahl des Modells und kommt schneller; wo das nicht hilft, unterbleibt es.</translation>
    </message>
    <message>
        <source>Where downloaded models lie; other programs for Hugging Face models find them there as well. Empty means the usual folder. To take what is there along, use “Move…” on the page of models instead.</source>
        <translation>Wo heruntergeladene Modelle liegen; andere Programme für Modelle von Hugging Face finden sie dort ebenfalls. Leer bedeutet den üblichen Ordner. Um mitzunehmen, was dort ist, nehmen Sie stattdessen „Verschieben…“ auf der Seite der Modelle.</translation>
    </message>
    <message>
        <source>Where the keyboard is</source>
        <translation>Wo der Tastaturfokus ist</translation>
    </message>
    <message>
        <source>Whether model and draft model have the same vocabulary is looked at when they are loaded.</source>
        <translation>Ob Modell und Entwurfsmodell dasselbe Vokabular haben, wird beim Laden geprüft.</translation>
    </message>
    <message>
        <source>Whether the model thinks before it answers, and how much. Thinking takes time, and makes answers to hard questions better. Models that have no switch for it go on as they are.</source>
        <translation>Ob das Modell nachdenkt, bevor es antwortet, und wie viel. Nachdenken kostet Zeit und macht Antworten auf schwierige Fragen besser. Modelle ohne Schalter dafür bleiben, wie sie sind.</translation>
    </message>
    <message>
        <source>While another window is in front, the desktop says which conversation was answered, but not what.</source>
        <translation>Während ein anderes Fenster vorn ist, sagt der Desktop, welche Unterhaltung beantwortet wurde, aber nicht was.</translation>
    </message>
    <message>
        <source>Whole answer</source>
        <translation>Ganze Antwort</translation>
    </message>
    <message>
        <source>With the same number, the same question to the same model gives the same answer.</source>
        <translation>Mit derselben Zahl gibt dieselbe Frage an dasselbe Modell dieselbe Antwort.</translation>
    </message>
    <message>
        <source>With “{words}” in the name</source>
        <translation>Mit „{words}“ im Namen</translation>
    </message>
    <message>
        <source>Words to look for, a model&apos;s name such as Qwen/Qwen3-8B, or the address of its page</source>
        <translation>Suchwörter, der Name eines Modells wie Qwen/Qwen3-8B oder die Adresse seiner Seite</translation>
    </message>
    <message>
        <source>Work offline</source>
        <translation>Offline arbeiten</translation>
    </message>
    <message>
        <source>Working out how it would fit…</source>
        <translation>Es wird berechnet, wie es passt …</translation>
    </message>
    <message>
        <source>Wrap</source>
        <translation>Umbrechen</translation>
    </message>
    <message>
        <source>Wrap long lines</source>
        <translation>Lange Zeilen umbrechen</translation>
    </message>
    <message>
        <source>Write a message</source>
        <translation>Nachricht schreiben</translation>
    </message>
    <message>
        <source>Write a short poem about autumn rain.</source>
        <translation>Schreibe ein kurzes Gedicht über Herbstregen.</translation>
    </message>
    <message>
        <source>Write something</source>
        <translation>Etwas schreiben</translation>
    </message>
    <message>
        <source>Write something to send.</source>
        <translation>Schreiben Sie etwas, das gesendet werden soll.</translation>
    </message>
    <message>
        <source>Writes and reasons well for its size, and fits small graphics cards in 4 bit.</source>
        <translation>Schreibt und denkt gut für seine Größe, und passt in 4 Bit auf kleine Grafikkarten.</translation>
    </message>
    <message>
        <source>Written</source>
        <translation>Geschrieben</translation>
    </message>
    <message>
        <source>Yesterday</source>
        <translation>Gestern</translation>
    </message>
    <message>
        <source>You</source>
        <translation>Sie</translation>
    </message>
    <message>
        <source>You stopped it.</source>
        <translation>Sie haben sie angehalten.</translation>
    </message>
    <message>
        <source>You stopped this answer.</source>
        <translation>Sie haben diese Antwort angehalten.</translation>
    </message>
    <message>
        <source>Your change takes effect after reloading the model.</source>
        <translation>Ihre Änderung wirkt nach dem Neuladen des Modells.</translation>
    </message>
    <message>
        <source>Your change takes effect when Hearth is started again. That stops an answer that is being written, keeps what there is of it, and ends private conversations.</source>
        <translation>Ihre Änderung wirkt, wenn Hearth neu gestartet wird. Das hält eine Antwort an, die gerade geschrieben wird, behält, was von ihr da ist, und beendet private Unterhaltungen.</translation>
    </message>
    <message>
        <source>Your conversations will be listed here. They stay on this computer.</source>
        <translation>Ihre Unterhaltungen erscheinen hier. Sie bleiben auf diesem Rechner.</translation>
    </message>
    <message>
        <source>Your message is kept.</source>
        <translation>Ihre Nachricht bleibt erhalten.</translation>
    </message>
    <message>
        <source>Your request to use {0} still waits for its publisher.</source>
        <translation>Ihre Anfrage, {0} zu verwenden, wartet noch auf den Herausgeber.</translation>
    </message>
    <message>
        <source>[image: {words}]</source>
        <translation>[Bild: {words}]</translation>
    </message>
    <message>
        <source>[image]</source>
        <translation>[Bild]</translation>
    </message>
    <message>
        <source>`hearth models list` and the page of models show what there is.</source>
        <translation>`hearth models list` und die Seite der Modelle zeigen, was da ist.</translation>
    </message>
    <message>
        <source>a GGUF file is opened by itself, not through a folder</source>
        <translation>eine GGUF-Datei wird für sich geöffnet, nicht über einen Ordner</translation>
    </message>
    <message>
        <source>a Space</source>
        <translation>einem Space</translation>
    </message>
    <message>
        <source>a bucket</source>
        <translation>einem Bucket</translation>
    </message>
    <message>
        <source>a dataset</source>
        <translation>einem Datensatz</translation>
    </message>
    <message>
        <source>a few minutes</source>
        <translation>ein paar Minuten</translation>
    </message>
    <message>
        <source>a folder</source>
        <translation>einem Ordner</translation>
    </message>
    <message>
        <source>a folder has the name of a file</source>
        <translation>ein Ordner trägt den Namen einer Datei</translation>
    </message>
    <message>
        <source>a folder in it may not be changed</source>
        <translation>ein Ordner darin darf nicht geändert werden</translation>
    </message>
    <message>
        <source>a kernel</source>
        <translation>ein Kernel</translation>
    </message>
    <message>
        <source>a number in the chat template is too large</source>
        <translation>eine Zahl in der Chat-Vorlage ist zu groß</translation>
    </message>
    <message>
        <source>a padded format in the chat template is refused</source>
        <translation>ein aufgefülltes Format in der Chat-Vorlage wird abgelehnt</translation>
    </message>
    <message>
        <source>a power in the chat template is too large</source>
        <translation>eine Potenz in der Chat-Vorlage ist zu groß</translation>
    </message>
    <message>
        <source>a redirect to nowhere</source>
        <translation>eine Weiterleitung ins Nichts</translation>
    </message>
    <message>
        <source>a repetition in the chat template is too long</source>
        <translation>eine Wiederholung in der Chat-Vorlage ist zu lang</translation>
    </message>
    <message>
        <source>a sum in the chat template is too long</source>
        <translation>eine Summe in der Chat-Vorlage ist zu lang</translation>
    </message>
    <message>
        <source>a table of replacements in the chat template is refused</source>
        <translation>eine Ersetzungstabelle in der Chat-Vorlage wird abgelehnt</translation>
    </message>
    <message>
        <source>a tensor of {0} in a cache layer can&apos;t be stored</source>
        <translation>ein Tensor aus {0} in einer Cache-Schicht kann nicht abgelegt werden</translation>
    </message>
    <message>
        <source>a text in the chat template is too long</source>
        <translation>ein Text in der Chat-Vorlage ist zu lang</translation>
    </message>
    <message>
        <source>a web page instead of an answer</source>
        <translation>eine Webseite statt einer Antwort</translation>
    </message>
    <message>
        <source>a {0} as a name in a cache layer can&apos;t be stored</source>
        <translation>ein {0} als Name in einer Cache-Schicht kann nicht abgelegt werden</translation>
    </message>
    <message>
        <source>a {0} in a cache layer can&apos;t be stored</source>
        <translation>ein {0} in einer Cache-Schicht kann nicht abgelegt werden</translation>
    </message>
    <message>
        <source>about </source>
        <translation>etwa </translation>
    </message>
    <message>
        <source>after accepting the publisher&apos;s terms</source>
        <translation>nach Annahme der Bedingungen des Herausgebers</translation>
    </message>
    <message>
        <source>after the publisher&apos;s approval</source>
        <translation>nach Freigabe durch den Herausgeber</translation>
    </message>
    <message>
        <source>all {count} layers</source>
        <translation>alle {count} Schichten</translation>
    </message>
    <message>
        <source>always the likeliest token</source>
        <translation>immer das wahrscheinlichste Token</translation>
    </message>
    <message>
        <source>an answer that makes no sense</source>
        <translation>eine Antwort, die keinen Sinn ergibt</translation>
    </message>
    <message>
        <source>and {number} more</source>
        <translation>und {number} weitere</translation>
    </message>
    <message>
        <source>another file</source>
        <translation>eine andere Datei</translation>
    </message>
    <message>
        <source>another range</source>
        <translation>ein anderer Bereich</translation>
    </message>
    <message>
        <source>as a GGUF file</source>
        <translation>als GGUF-Datei</translation>
    </message>
    <message>
        <source>at least one id is left to feed</source>
        <translation>mindestens eine Id bleibt zu füttern</translation>
    </message>
    <message>
        <source>at most {value} tokens</source>
        <translation>höchstens {value} Tokens</translation>
    </message>
    <message>
        <source>being checked</source>
        <translation>wird geprüft</translation>
    </message>
    <message>
        <source>branch</source>
        <translation>Zweig</translation>
    </message>
    <message>
        <source>busy or unavailable</source>
        <translation>belegt oder nicht verfügbar</translation>
    </message>
    <message>
        <source>by its data sheet</source>
        <translation>laut Datenblatt</translation>
    </message>
    <message>
        <source>by {publisher}</source>
        <translation>von {publisher}</translation>
    </message>
    <message>
        <source>can&apos;t allocate memory</source>
        <translation>Speicher kann nicht belegt werden</translation>
    </message>
    <message>
        <source>can&apos;t be computed here</source>
        <translation>kann hier nicht berechnet werden</translation>
    </message>
    <message>
        <source>can&apos;t take back what it has proposed</source>
        <translation>kann nicht zurücknehmen, was es vorgeschlagen hat</translation>
    </message>
    <message>
        <source>cannot allocate memory</source>
        <translation>Speicher kann nicht belegt werden</translation>
    </message>
    <message>
        <source>cannot be read</source>
        <translation>lässt sich nicht lesen</translation>
    </message>
    <message>
        <source>comes with Hearth</source>
        <translation>gehört zu Hearth</translation>
    </message>
    <message>
        <source>conversation</source>
        <translation>Unterhaltung</translation>
    </message>
    <message>
        <source>could not be used (it doesn&apos;t answer)</source>
        <translation>konnte nicht verwendet werden (er antwortet nicht)</translation>
    </message>
    <message>
        <source>could not be used (its folder is a link)</source>
        <translation>konnte nicht verwendet werden (sein Ordner ist ein Link)</translation>
    </message>
    <message>
        <source>could not be written ({0})</source>
        <translation>konnte nicht geschrieben werden ({0})</translation>
    </message>
    <message>
        <source>could not create a memory</source>
        <translation>konnte keinen Speicher anlegen</translation>
    </message>
    <message>
        <source>cuda driver error</source>
        <translation>CUDA-Treiberfehler</translation>
    </message>
    <message>
        <source>cuda error</source>
        <translation>CUDA-Fehler</translation>
    </message>
    <message>
        <source>cuda flash</source>
        <translation>cuda flash</translation>
    </message>
    <message>
        <source>cuda memory-efficient</source>
        <translation>cuda memory-efficient</translation>
    </message>
    <message>
        <source>data sheet</source>
        <translation>Datenblatt</translation>
    </message>
    <message>
        <source>disk</source>
        <translation>Plattenspeicher</translation>
    </message>
    <message>
        <source>downloaded</source>
        <translation>heruntergeladen</translation>
    </message>
    <message>
        <source>downloading</source>
        <translation>wird heruntergeladen</translation>
    </message>
    <message>
        <source>draft model</source>
        <translation>Entwurfsmodell</translation>
    </message>
    <message>
        <source>each token&apos;s row of a table is looked up in main memory</source>
        <translation>Jedes Token schlägt seine Zeile einer Tabelle im Arbeitsspeicher nach</translation>
    </message>
    <message>
        <source>edited by you</source>
        <translation>von Ihnen bearbeitet</translation>
    </message>
    <message>
        <source>embedding table</source>
        <translation>Einbettungstabelle</translation>
    </message>
    <message>
        <source>embedding tables</source>
        <translation>Einbettungstabellen</translation>
    </message>
    <message>
        <source>everything fits into endless memory</source>
        <translation>in endlosen Speicher passt alles</translation>
    </message>
    <message>
        <source>failed</source>
        <translation>fehlgeschlagen</translation>
    </message>
    <message>
        <source>first token {time}</source>
        <translation>erstes Token {time}</translation>
    </message>
    <message>
        <source>flash-attn package</source>
        <translation>Paket flash-attn</translation>
    </message>
    <message>
        <source>follow-ups and edits near the end read only what is new; earlier edits read the conversation again</source>
        <translation>Folgefragen und Änderungen am Ende lesen nur das Neue; frühere Änderungen lesen die Unterhaltung noch einmal</translation>
    </message>
    <message>
        <source>follow-ups read only what is new; edits read the conversation again</source>
        <translation>Folgefragen lesen nur das Neue; Änderungen lesen die Unterhaltung noch einmal</translation>
    </message>
    <message>
        <source>follow-ups, edits and branches read only what is new</source>
        <translation>Folgefragen, Änderungen und Zweige lesen nur das Neue</translation>
    </message>
    <message>
        <source>for CUDA</source>
        <translation>für CUDA</translation>
    </message>
    <message>
        <source>for another program ({0})</source>
        <translation>für ein anderes Programm ({0})</translation>
    </message>
    <message>
        <source>for libraries</source>
        <translation>für Bibliotheken</translation>
    </message>
    <message>
        <source>for {0} tokens</source>
        <translation>für {0} Tokens</translation>
    </message>
    <message>
        <source>formula {latex}</source>
        <translation>Formel {latex}</translation>
    </message>
    <message>
        <source>found too little memory</source>
        <translation>fand zu wenig Speicher</translation>
    </message>
    <message>
        <source>free</source>
        <translation>frei</translation>
    </message>
    <message>
        <source>from a source folder</source>
        <translation>aus einem Quellordner</translation>
    </message>
    <message>
        <source>graphics card</source>
        <translation>Grafikkarte</translation>
    </message>
    <message>
        <source>graphics memory</source>
        <translation>Grafikspeicher</translation>
    </message>
    <message>
        <source>here</source>
        <translation>hier</translation>
    </message>
    <message>
        <source>hip error</source>
        <translation>HIP-Fehler</translation>
    </message>
    <message>
        <source>in Mistral&apos;s own format (consolidated.safetensors)</source>
        <translation>in Mistrals eigenem Format (consolidated.safetensors)</translation>
    </message>
    <message>
        <source>in main memory</source>
        <translation>im Arbeitsspeicher</translation>
    </message>
    <message>
        <source>in reserve</source>
        <translation>als Reserve</translation>
    </message>
    <message>
        <source>incomplete: {done} % of {size}</source>
        <translation>unvollständig: {done} % von {size}</translation>
    </message>
    <message>
        <source>incomplete: {size} are missing</source>
        <translation>unvollständig: {size} fehlen</translation>
    </message>
    <message>
        <source>integer digits</source>
        <translation>Ganzzahlziffern</translation>
    </message>
    <message>
        <source>invalid argument</source>
        <translation>ungültiges Argument</translation>
    </message>
    <message>
        <source>invalid configuration</source>
        <translation>ungültige Konfiguration</translation>
    </message>
    <message>
        <source>invalid device function</source>
        <translation>ungültige Gerätefunktion</translation>
    </message>
    <message>
        <source>invalid resource handle</source>
        <translation>ungültiger Ressourcenverweis</translation>
    </message>
    <message>
        <source>is a web page instead of the file</source>
        <translation>ist eine Webseite statt der Datei</translation>
    </message>
    <message>
        <source>is damaged or was not downloaded completely</source>
        <translation>ist beschädigt oder wurde nicht vollständig heruntergeladen</translation>
    </message>
    <message>
        <source>is empty</source>
        <translation>ist leer</translation>
    </message>
    <message>
        <source>is only a pointer to the file, which Git LFS has not fetched</source>
        <translation>ist nur ein Verweis auf die Datei, die Git LFS nicht geholt hat</translation>
    </message>
    <message>
        <source>it belongs to another model or version</source>
        <translation>es gehört zu einem anderen Modell oder einer anderen Fassung</translation>
    </message>
    <message>
        <source>it can&apos;t be understood ({0})</source>
        <translation>es ist nicht zu verstehen ({0})</translation>
    </message>
    <message>
        <source>it can&apos;t be written to</source>
        <translation>er ist nicht beschreibbar</translation>
    </message>
    <message>
        <source>it could not be built from its files</source>
        <translation>es konnte nicht aus seinen Dateien gebaut werden</translation>
    </message>
    <message>
        <source>it could not be built from its known shape</source>
        <translation>es konnte nicht aus seiner bekannten Form gebaut werden</translation>
    </message>
    <message>
        <source>it does not write text ({0})</source>
        <translation>es schreibt keinen Text ({0})</translation>
    </message>
    <message>
        <source>it doesn&apos;t answer</source>
        <translation>er antwortet nicht</translation>
    </message>
    <message>
        <source>it has another length</source>
        <translation>es hat eine andere Länge</translation>
    </message>
    <message>
        <source>it has another name</source>
        <translation>es hat einen anderen Namen</translation>
    </message>
    <message>
        <source>it has no weights (.safetensors files)</source>
        <translation>es hat keine Gewichte (.safetensors-Dateien)</translation>
    </message>
    <message>
        <source>it is made for Apple&apos;s own library</source>
        <translation>es ist für Apples eigene Bibliothek gemacht</translation>
    </message>
    <message>
        <source>it is no regular file</source>
        <translation>es ist keine gewöhnliche Datei</translation>
    </message>
    <message>
        <source>it is no text-generation model ({0})</source>
        <translation>es ist kein Modell, das Text erzeugt ({0})</translation>
    </message>
    <message>
        <source>it is not a file</source>
        <translation>es ist keine Datei</translation>
    </message>
    <message>
        <source>it is not a settings file</source>
        <translation>es ist keine Datei mit Einstellungen</translation>
    </message>
    <message>
        <source>it makes pictures or sounds (diffusers)</source>
        <translation>es erzeugt Bilder oder Töne (diffusers)</translation>
    </message>
    <message>
        <source>it needs software that does not come with Hearth</source>
        <translation>es braucht Software, die nicht zu Hearth gehört</translation>
    </message>
    <message>
        <source>it only proposes words to another model and reads no text by itself</source>
        <translation>es schlägt nur einem anderen Modell Wörter vor und liest selbst keinen Text</translation>
    </message>
    <message>
        <source>it ran longer than {0} seconds</source>
        <translation>es lief länger als {0} Sekunden</translation>
    </message>
    <message>
        <source>it reads text but does not write any ({0})</source>
        <translation>es liest Text, schreibt aber keinen ({0})</translation>
    </message>
    <message>
        <source>it runs on code that is fetched from the internet while loading, which Hearth does not allow</source>
        <translation>es läuft mit Code, der beim Laden aus dem Internet geholt wird, was Hearth nicht zulässt</translation>
    </message>
    <message>
        <source>it takes too much memory</source>
        <translation>sie braucht zu viel Speicher</translation>
    </message>
    <message>
        <source>it translates one text into another and does not continue a conversation</source>
        <translation>es übersetzt einen Text in einen anderen und setzt keine Unterhaltung fort</translation>
    </message>
    <message>
        <source>it turns texts into numbers for searching (sentence-transformers)</source>
        <translation>es macht aus Texten Zahlen für die Suche (sentence-transformers)</translation>
    </message>
    <message>
        <source>its configuration describes {0} values, its files hold {1}</source>
        <translation>seine Konfiguration beschreibt {0} Werte, seine Dateien enthalten {1}</translation>
    </message>
    <message>
        <source>its configuration names no sensible number of bits</source>
        <translation>seine Konfiguration nennt keine sinnvolle Anzahl von Bits</translation>
    </message>
    <message>
        <source>its content has changed</source>
        <translation>sein Inhalt hat sich geändert</translation>
    </message>
    <message>
        <source>its header begins with something else</source>
        <translation>sein Kopf beginnt mit etwas anderem</translation>
    </message>
    <message>
        <source>its header is too long</source>
        <translation>sein Kopf ist zu lang</translation>
    </message>
    <message>
        <source>its ids have changed</source>
        <translation>seine Ids haben sich geändert</translation>
    </message>
    <message>
        <source>its layout “{0}” is one that compressed-tensors does not read any more</source>
        <translation>seine Anordnung „{0}“ ist eine, die compressed-tensors nicht mehr liest</translation>
    </message>
    <message>
        <source>its name is no valid text</source>
        <translation>der Name ist kein gültiger Text</translation>
    </message>
    <message>
        <source>its tensors lie elsewhere</source>
        <translation>seine Tensoren liegen anderswo</translation>
    </message>
    <message>
        <source>its tokenizer (tokenizer.json) is missing</source>
        <translation>sein Tokenizer (tokenizer.json) fehlt</translation>
    </message>
    <message>
        <source>its tokenizer cannot be read</source>
        <translation>sein Tokenizer lässt sich nicht lesen</translation>
    </message>
    <message>
        <source>its weight files are empty</source>
        <translation>seine Dateien mit Gewichten sind leer</translation>
    </message>
    <message>
        <source>its weight {0} does not fit its scales</source>
        <translation>sein Gewicht {0} passt nicht zu seinen Skalen</translation>
    </message>
    <message>
        <source>its weight {0} is stored in numbers of 6 bits</source>
        <translation>sein Gewicht {0} ist in Zahlen von 6 Bit gespeichert</translation>
    </message>
    <message>
        <source>its weights are quantized ({0}), but config.json does not say how</source>
        <translation>seine Gewichte sind quantisiert ({0}), aber config.json sagt nicht wie</translation>
    </message>
    <message>
        <source>its weights are rotated (transform_config), which transformers does not undo</source>
        <translation>seine Gewichte sind gedreht (transform_config), was transformers nicht rückgängig macht</translation>
    </message>
    <message>
        <source>its weights are stored in another order (actorder), which compressed-tensors does not undo any more</source>
        <translation>seine Gewichte liegen in anderer Reihenfolge (actorder), was compressed-tensors nicht mehr rückgängig macht</translation>
    </message>
    <message>
        <source>its weights were damaged while they were read</source>
        <translation>seine Gewichte wurden beschädigt, während sie gelesen wurden</translation>
    </message>
    <message>
        <source>kept in the system&apos;s keyring</source>
        <translation>im Schlüsselbund des Systems aufbewahrt</translation>
    </message>
    <message>
        <source>kernel image is invalid</source>
        <translation>Kernel-Abbild ist ungültig</translation>
    </message>
    <message>
        <source>known until Hearth closes</source>
        <translation>bekannt, bis Hearth geschlossen wird</translation>
    </message>
    <message>
        <source>layer {number}</source>
        <translation>Schicht {number}</translation>
    </message>
    <message>
        <source>layers with the same input are multiplied at once</source>
        <translation>Schichten mit derselben Eingabe werden auf einmal multipliziert</translation>
    </message>
    <message>
        <source>layers {first}-{last}</source>
        <translation>Schichten {first}-{last}</translation>
    </message>
    <message>
        <source>libraries</source>
        <translation>Bibliotheken</translation>
    </message>
    <message>
        <source>main memory</source>
        <translation>Arbeitsspeicher</translation>
    </message>
    <message>
        <source>main memory to CUDA {0}; {1}</source>
        <translation>Arbeitsspeicher zu CUDA {0}; {1}</translation>
    </message>
    <message>
        <source>measured here</source>
        <translation>hier gemessen</translation>
    </message>
    <message>
        <source>min-p {value}</source>
        <translation>min-p {value}</translation>
    </message>
    <message>
        <source>model name</source>
        <translation>Name des Modells</translation>
    </message>
    <message>
        <source>model.safetensors.index.json, which lists {0} and the others, is missing</source>
        <translation>model.safetensors.index.json, die {0} und die anderen aufführt, fehlt</translation>
    </message>
    <message>
        <source>needed</source>
        <translation>gebraucht</translation>
    </message>
    <message>
        <source>no answer in time</source>
        <translation>keine rechtzeitige Antwort</translation>
    </message>
    <message>
        <source>no byte came</source>
        <translation>kein Byte kam an</translation>
    </message>
    <message>
        <source>no kernel image</source>
        <translation>kein Kernel-Abbild</translation>
    </message>
    <message>
        <source>no model is loaded</source>
        <translation>es ist kein Modell geladen</translation>
    </message>
    <message>
        <source>no: it continues texts rather than chats</source>
        <translation>nein: Es setzt Texte fort, statt zu chatten</translation>
    </message>
    <message>
        <source>none of its weights has a name that this version knows</source>
        <translation>keines seiner Gewichte hat einen Namen, den diese Version kennt</translation>
    </message>
    <message>
        <source>not enough memory</source>
        <translation>nicht genug Speicher</translation>
    </message>
    <message>
        <source>not measured yet</source>
        <translation>noch nicht gemessen</translation>
    </message>
    <message>
        <source>not supported</source>
        <translation>nicht unterstützt</translation>
    </message>
    <message>
        <source>nothing quantized</source>
        <translation>nichts quantisiert</translation>
    </message>
    <message>
        <source>on the processor alone</source>
        <translation>nur auf dem Prozessor</translation>
    </message>
    <message>
        <source>only a trickle came</source>
        <translation>nur ein Rinnsal kam an</translation>
    </message>
    <message>
        <source>other programs</source>
        <translation>andere Programme</translation>
    </message>
    <message>
        <source>out of memory</source>
        <translation>kein Speicher mehr</translation>
    </message>
    <message>
        <source>own kernel</source>
        <translation>eigener Kernel</translation>
    </message>
    <message>
        <source>packed kernel</source>
        <translation>gepackter Kernel</translation>
    </message>
    <message>
        <source>partly from main memory</source>
        <translation>teils aus dem Arbeitsspeicher</translation>
    </message>
    <message>
        <source>parts of it are missing or have the wrong size ({0})</source>
        <translation>Teile davon fehlen oder haben die falsche Größe ({0})</translation>
    </message>
    <message>
        <source>paused</source>
        <translation>angehalten</translation>
    </message>
    <message>
        <source>positions are turned by the conversation&apos;s length</source>
        <translation>Positionen werden nach der Länge der Unterhaltung gedreht</translation>
    </message>
    <message>
        <source>prompt lookup</source>
        <translation>Nachschlagen im Text</translation>
    </message>
    <message>
        <source>proposes to a model that can&apos;t take it back</source>
        <translation>macht einem Modell Vorschläge, das sie nicht zurücknehmen kann</translation>
    </message>
    <message>
        <source>ptx jit</source>
        <translation>PTX-JIT</translation>
    </message>
    <message>
        <source>quantization_config does not say the method</source>
        <translation>quantization_config nennt das Verfahren nicht</translation>
    </message>
    <message>
        <source>quantization_config is no table</source>
        <translation>quantization_config ist keine Tabelle</translation>
    </message>
    <message>
        <source>ranges are ignored</source>
        <translation>Bereiche werden nicht beachtet</translation>
    </message>
    <message>
        <source>reading again is faster: {0} tokens per second, restoring {1}</source>
        <translation>neu zu lesen ist schneller: {0} Tokens pro Sekunde, Zurückholen {1}</translation>
    </message>
    <message>
        <source>recording the step failed: {0}</source>
        <translation>den Schritt aufzuzeichnen ist misslungen: {0}</translation>
    </message>
    <message>
        <source>recording was not wanted</source>
        <translation>eine Aufzeichnung war nicht gewünscht</translation>
    </message>
    <message>
        <source>repetition penalty {value}</source>
        <translation>Wiederholungsstrafe {value}</translation>
    </message>
    <message>
        <source>reserve</source>
        <translation>Reserve</translation>
    </message>
    <message>
        <source>restores {0}, reading again does {1}</source>
        <translation>holt {0} zurück, neu zu lesen schafft {1}</translation>
    </message>
    <message>
        <source>reused {reused}, read {read}</source>
        <translation>wiederverwendet {reused}, gelesen {read}</translation>
    </message>
    <message>
        <source>seed {value}</source>
        <translation>Startwert {value}</translation>
    </message>
    <message>
        <source>short follow-ups read only what is new, id by id; anything else reads the whole conversation again</source>
        <translation>kurze Folgefragen lesen nur das Neue, Id für Id; alles andere liest die ganze Unterhaltung noch einmal</translation>
    </message>
    <message>
        <source>some layers keep states or short windows, whose place changes with each token</source>
        <translation>manche Schichten behalten Zustände oder kurze Fenster, deren Platz mit jedem Token wechselt</translation>
    </message>
    <message>
        <source>succeeded</source>
        <translation>gelungen</translation>
    </message>
    <message>
        <source>taken for granted</source>
        <translation>angenommen</translation>
    </message>
    <message>
        <source>temperature {value}</source>
        <translation>Temperatur {value}</translation>
    </message>
    <message>
        <source>the answer ended early</source>
        <translation>die Antwort endete zu früh</translation>
    </message>
    <message>
        <source>the chat template&apos;s output is too large</source>
        <translation>die Ausgabe der Chat-Vorlage ist zu groß</translation>
    </message>
    <message>
        <source>the disk failed</source>
        <translation>der Datenträger hat versagt</translation>
    </message>
    <message>
        <source>the disk is nearly full</source>
        <translation>der Datenträger ist fast voll</translation>
    </message>
    <message>
        <source>the disk refuses</source>
        <translation>der Datenträger verweigert</translation>
    </message>
    <message>
        <source>the download of {0} has not finished</source>
        <translation>der Download von {0} ist nicht fertig</translation>
    </message>
    <message>
        <source>the experts of all {count} layers</source>
        <translation>die Experten aller {count} Schichten</translation>
    </message>
    <message>
        <source>the experts of {number} of {count} layers</source>
        <translation>die Experten von {number} der {count} Schichten</translation>
    </message>
    <message>
        <source>the file is far too large</source>
        <translation>die Datei ist viel zu groß</translation>
    </message>
    <message>
        <source>the memory of this kind of model ({0}) can&apos;t be planned</source>
        <translation>der Speicher dieser Art von Modell ({0}) lässt sich nicht planen</translation>
    </message>
    <message>
        <source>the method in quantization_config is no name</source>
        <translation>das Verfahren in quantization_config ist kein Name</translation>
    </message>
    <message>
        <source>the product is wrong</source>
        <translation>das Produkt ist falsch</translation>
    </message>
    <message>
        <source>the product with 4-bit weights is wrong</source>
        <translation>das Produkt mit 4-Bit-Gewichten ist falsch</translation>
    </message>
    <message>
        <source>the publisher&apos;s own</source>
        <translation>die eigene des Herausgebers</translation>
    </message>
    <message>
        <source>the range does not exist</source>
        <translation>den Bereich gibt es nicht</translation>
    </message>
    <message>
        <source>the recorded step computed something else</source>
        <translation>der aufgezeichnete Schritt rechnete etwas anderes</translation>
    </message>
    <message>
        <source>the running conversation</source>
        <translation>die laufende Unterhaltung</translation>
    </message>
    <message>
        <source>the scale of its weight {0} is missing or has a name that Hearth does not know</source>
        <translation>die Skala seines Gewichts {0} fehlt oder hat einen Namen, den Hearth nicht kennt</translation>
    </message>
    <message>
        <source>the step is compiled</source>
        <translation>der Schritt ist kompiliert</translation>
    </message>
    <message>
        <source>the step is replayed as a CUDA graph</source>
        <translation>der Schritt wird als CUDA-Graph wiederholt</translation>
    </message>
    <message>
        <source>the transformers library cannot read weights that are stored this way yet</source>
        <translation>die Bibliothek transformers kann Gewichte, die so abgelegt sind, noch nicht lesen</translation>
    </message>
    <message>
        <source>the transformers library does not know it</source>
        <translation>die Bibliothek transformers kennt es nicht</translation>
    </message>
    <message>
        <source>the usual folder</source>
        <translation>dem üblichen Ordner</translation>
    </message>
    <message>
        <source>the weights are spread over several devices, each layer waits for the one before</source>
        <translation>die Gewichte sind über mehrere Geräte verteilt, jede Schicht wartet auf die davor</translation>
    </message>
    <message>
        <source>the zero points of its weight {0} are missing</source>
        <translation>die Nullpunkte seines Gewichts {0} fehlen</translation>
    </message>
    <message>
        <source>there is no memory left to try it</source>
        <translation>es ist kein Speicher mehr da, um es zu versuchen</translation>
    </message>
    <message>
        <source>thinking: high</source>
        <translation>mit viel Nachdenken</translation>
    </message>
    <message>
        <source>thinking: low</source>
        <translation>mit wenig Nachdenken</translation>
    </message>
    <message>
        <source>thinking: medium</source>
        <translation>mit mittlerem Nachdenken</translation>
    </message>
    <message>
        <source>this architecture can&apos;t keep what it has read: each token reads everything again</source>
        <translation>diese Architektur kann nicht behalten, was sie gelesen hat: Jedes Token liest alles noch einmal</translation>
    </message>
    <message>
        <source>this architecture computes its attention itself</source>
        <translation>diese Architektur berechnet ihre Attention selbst</translation>
    </message>
    <message>
        <source>this architecture&apos;s KV can&apos;t be kept at fixed addresses</source>
        <translation>der KV dieser Architektur kann nicht an festen Adressen gehalten werden</translation>
    </message>
    <message>
        <source>this version does not know models of the kind “{0}”</source>
        <translation>diese Version kennt keine Modelle der Art „{0}“</translation>
    </message>
    <message>
        <source>to work in</source>
        <translation>zum Arbeiten</translation>
    </message>
    <message>
        <source>today</source>
        <translation>heute</translation>
    </message>
    <message>
        <source>token settings</source>
        <translation>Token-Einstellungen</translation>
    </message>
    <message>
        <source>too many redirects</source>
        <translation>zu viele Weiterleitungen</translation>
    </message>
    <message>
        <source>too many resources</source>
        <translation>zu viele Ressourcen</translation>
    </message>
    <message>
        <source>top-k {value}</source>
        <translation>top-k {value}</translation>
    </message>
    <message>
        <source>top-p {value}</source>
        <translation>top-p {value}</translation>
    </message>
    <message>
        <source>torch.compile computes wrongly here</source>
        <translation>torch.compile rechnet hier falsch</translation>
    </message>
    <message>
        <source>torch.compile doesn&apos;t work here ({0})</source>
        <translation>torch.compile funktioniert hier nicht ({0})</translation>
    </message>
    <message>
        <source>turned off</source>
        <translation>abgeschaltet</translation>
    </message>
    <message>
        <source>unknown processor</source>
        <translation>unbekannter Prozessor</translation>
    </message>
    <message>
        <source>unpacking by block</source>
        <translation>blockweises Entpacken</translation>
    </message>
    <message>
        <source>unsupported ptx</source>
        <translation>nicht unterstütztes PTX</translation>
    </message>
    <message>
        <source>unsupported toolchain</source>
        <translation>nicht unterstützte Werkzeugkette</translation>
    </message>
    <message>
        <source>used {when}</source>
        <translation>verwendet {when}</translation>
    </message>
    <message>
        <source>waiting</source>
        <translation>wartet</translation>
    </message>
    <message>
        <source>waits for its turn</source>
        <translation>wartet, bis es an der Reihe ist</translation>
    </message>
    <message>
        <source>weights</source>
        <translation>Gewichte</translation>
    </message>
    <message>
        <source>weights in main memory are copied to the card for each token</source>
        <translation>Gewichte im Arbeitsspeicher werden für jedes Token auf die Karte kopiert</translation>
    </message>
    <message>
        <source>weights lie packed for this processor, {0}</source>
        <translation>die Gewichte liegen für diesen Prozessor gepackt, {0}</translation>
    </message>
    <message>
        <source>what was asked for</source>
        <translation>was verlangt wurde</translation>
    </message>
    <message>
        <source>with thinking</source>
        <translation>mit Nachdenken</translation>
    </message>
    <message>
        <source>without thinking</source>
        <translation>ohne Nachdenken</translation>
    </message>
    <message>
        <source>working space</source>
        <translation>Arbeitsraum</translation>
    </message>
    <message>
        <source>working space and reserve</source>
        <translation>Arbeitsraum und Reserve</translation>
    </message>
    <message>
        <source>yes</source>
        <translation>ja</translation>
    </message>
    <message>
        <source>yesterday</source>
        <translation>gestern</translation>
    </message>
    <message>
        <source>{0} = {1} of {2} GiB free on {3}</source>
        <translation>{0} = {1} von {2} GiB frei auf {3}</translation>
    </message>
    <message>
        <source>{0} GiB are in main memory.</source>
        <translation>{0} GiB liegen im Arbeitsspeicher.</translation>
    </message>
    <message>
        <source>{0} GiB are in main memory; the other cards can&apos;t help with that.</source>
        <translation>{0} GiB liegen im Arbeitsspeicher; die anderen Karten können dabei nicht helfen.</translation>
    </message>
    <message>
        <source>{0} GiB of parts for pictures or sound are in main memory, as no text needs them.</source>
        <translation>{0} GiB Teile für Bilder oder Ton liegen im Arbeitsspeicher, da kein Text sie braucht.</translation>
    </message>
    <message>
        <source>{0} GiB of tables are in main memory, where a token looks up one row.</source>
        <translation>{0} GiB Tabellen liegen im Arbeitsspeicher, in denen ein Token eine Zeile nachschlägt.</translation>
    </message>
    <message>
        <source>{0} and {1} both hold {2}</source>
        <translation>{0} und {1} enthalten beide {2}</translation>
    </message>
    <message>
        <source>{0} as published, small enough to stay exact.</source>
        <translation>{0} wie veröffentlicht, klein genug, um genau zu bleiben.</translation>
    </message>
    <message>
        <source>{0} because this kind of model can&apos;t be packed.</source>
        <translation>{0}, weil sich diese Art von Modell nicht packen lässt.</translation>
    </message>
    <message>
        <source>{0} because you asked for it, though only {1} of this model can be packed.</source>
        <translation>{0}, weil Sie darum gebeten haben, obwohl sich nur {1} dieses Modells packen lassen.</translation>
    </message>
    <message>
        <source>{0} because you asked for it.</source>
        <translation>{0}, weil Sie darum gebeten haben.</translation>
    </message>
    <message>
        <source>{0} because {1} has no BF16 instructions and is several times faster with it.</source>
        <translation>{0}, weil {1} keine BF16-Befehle hat und damit um ein Mehrfaches schneller ist.</translation>
    </message>
    <message>
        <source>{0} because {1} has no BF16, and FP16 is too small for what this kind of model computes.</source>
        <translation>{0}, weil {1} kein BF16 hat und FP16 zu klein ist für das, was diese Art von Modell berechnet.</translation>
    </message>
    <message>
        <source>{0} because {1} has no BF16.</source>
        <translation>{0}, weil {1} kein BF16 hat.</translation>
    </message>
    <message>
        <source>{0} because {1}{2}. In {3}: {4}.</source>
        <translation>{0}, denn {1}{2}. In {3}: {4}.</translation>
    </message>
    <message>
        <source>{0} can&apos;t be used: its driver has not answered for {1} seconds. Restart the computer.</source>
        <translation>{0} kann nicht genutzt werden: Der Treiber hat {1} Sekunden lang nicht geantwortet. Starten Sie den Rechner neu.</translation>
    </message>
    <message>
        <source>{0} can&apos;t be used: its driver was updated while it was running. Restart the computer.</source>
        <translation>{0} kann nicht genutzt werden: Der Treiber wurde im laufenden Betrieb aktualisiert. Starten Sie den Rechner neu.</translation>
    </message>
    <message>
        <source>{0} can&apos;t propose words for {1}: the two have different vocabularies.</source>
        <translation>{0} kann für {1} keine Wörter vorschlagen: Die beiden haben verschiedene Wortschätze.</translation>
    </message>
    <message>
        <source>{0} cannot be loaded: it is published in a quantized form (“{1}”) that this version does not know.</source>
        <translation>{0} kann nicht geladen werden: Es ist in einer quantisierten Form („{1}“) veröffentlicht, die diese Version nicht kennt.</translation>
    </message>
    <message>
        <source>{0} cannot be read</source>
        <translation>{0} lässt sich nicht lesen</translation>
    </message>
    <message>
        <source>{0} changed while it was copied</source>
        <translation>{0} änderte sich beim Kopieren</translation>
    </message>
    <message>
        <source>{0} could not be deleted: {1}.</source>
        <translation>{0} konnte nicht gelöscht werden: {1}.</translation>
    </message>
    <message>
        <source>{0} describes it in a way that this version cannot read</source>
        <translation>{0} beschreibt es auf eine Weise, die diese Version nicht lesen kann</translation>
    </message>
    <message>
        <source>{0} does not answer ({1}). {2}</source>
        <translation>{0} antwortet nicht ({1}). {2}</translation>
    </message>
    <message>
        <source>{0} does not fit: {1}</source>
        <translation>{0} passt nicht: {1}</translation>
    </message>
    <message>
        <source>{0} does not say what kind of model it is</source>
        <translation>{0} sagt nicht, was für ein Modell es ist</translation>
    </message>
    <message>
        <source>{0} does not work on {1} here</source>
        <translation>{0} funktioniert hier auf {1} nicht</translation>
    </message>
    <message>
        <source>{0} has become shorter</source>
        <translation>{0} ist kürzer geworden</translation>
    </message>
    <message>
        <source>{0} has no such file.</source>
        <translation>{0} hat keine solche Datei.</translation>
    </message>
    <message>
        <source>{0} has no such revision.</source>
        <translation>{0} hat keine solche Revision.</translation>
    </message>
    <message>
        <source>{0} has not arrived</source>
        <translation>{0} ist nicht angekommen</translation>
    </message>
    <message>
        <source>{0} ids can&apos;t be restored of {1}</source>
        <translation>{0} Ids können nicht zurückgeholt werden von {1}</translation>
    </message>
    <message>
        <source>{0} in quantization_config is {1}</source>
        <translation>{0} in quantization_config ist {1}</translation>
    </message>
    <message>
        <source>{0} is a file, not a folder.</source>
        <translation>{0} ist eine Datei, kein Ordner.</translation>
    </message>
    <message>
        <source>{0} is an adapter (LoRA) for another model, not a model by itself.</source>
        <translation>{0} ist ein Adapter (LoRA) für ein anderes Modell, kein eigenständiges Modell.</translation>
    </message>
    <message>
        <source>{0} is being downloaded at this moment.</source>
        <translation>{0} wird gerade heruntergeladen.</translation>
    </message>
    <message>
        <source>{0} is damaged</source>
        <translation>{0} ist beschädigt</translation>
    </message>
    <message>
        <source>{0} is damaged (it has more than {1} entries)</source>
        <translation>{0} ist beschädigt (mehr als {1} Einträge)</translation>
    </message>
    <message>
        <source>{0} is damaged (nested too deeply)</source>
        <translation>{0} ist beschädigt (zu tief verschachtelt)</translation>
    </message>
    <message>
        <source>{0} is damaged ({1} has {2} entries)</source>
        <translation>{0} ist beschädigt ({1} hat {2} Einträge)</translation>
    </message>
    <message>
        <source>{0} is damaged ({1} is {2})</source>
        <translation>{0} ist beschädigt ({1} ist {2})</translation>
    </message>
    <message>
        <source>{0} is deleted, but {1} bytes of it are in use and could not be freed yet.</source>
        <translation>{0} ist gelöscht, aber {1} Bytes davon werden verwendet und konnten noch nicht freigegeben werden.</translation>
    </message>
    <message>
        <source>{0} is empty or damaged</source>
        <translation>{0} ist leer oder beschädigt</translation>
    </message>
    <message>
        <source>{0} is far too large</source>
        <translation>{0} ist viel zu groß</translation>
    </message>
    <message>
        <source>{0} is full.</source>
        <translation>{0} ist voll.</translation>
    </message>
    <message>
        <source>{0} is full: other programs hold all of its memory. End one of them, then start Hearth again.</source>
        <translation>{0} ist voll: Andere Programme belegen den ganzen Speicher. Beenden Sie eines davon, und starten Sie Hearth dann neu.</translation>
    </message>
    <message>
        <source>{0} is incomplete: config.json is damaged ({1}).</source>
        <translation>{0} ist unvollständig: config.json ist beschädigt ({1}).</translation>
    </message>
    <message>
        <source>{0} is kept by another program for itself. End that program, then start Hearth again.</source>
        <translation>Ein anderes Programm hält {0} für sich allein. Beenden Sie es, und starten Sie Hearth dann neu.</translation>
    </message>
    <message>
        <source>{0} is missing</source>
        <translation>{0} fehlt</translation>
    </message>
    <message>
        <source>{0} is missing (its link leads nowhere)</source>
        <translation>{0} fehlt (sein Link führt ins Leere)</translation>
    </message>
    <message>
        <source>{0} is no ordinary file</source>
        <translation>{0} ist keine gewöhnliche Datei</translation>
    </message>
    <message>
        <source>{0} is not a model file that can be loaded.</source>
        <translation>{0} ist keine Modelldatei, die sich laden lässt.</translation>
    </message>
    <message>
        <source>{0} is not for the library lane.</source>
        <translation>{0} ist nicht für die Bibliotheksspur.</translation>
    </message>
    <message>
        <source>{0} is not for the lookup lane.</source>
        <translation>{0} ist nicht für die Nachschlagespur.</translation>
    </message>
    <message>
        <source>{0} is not for the transfer lane.</source>
        <translation>{0} ist nicht für die Übertragungsspur.</translation>
    </message>
    <message>
        <source>{0} is not given out for legal reasons.</source>
        <translation>{0} wird aus rechtlichen Gründen nicht herausgegeben.</translation>
    </message>
    <message>
        <source>{0} is there, but CUDA does not see it. Update the NVIDIA driver, then restart.</source>
        <translation>{0} ist da, aber CUDA sieht sie nicht. Aktualisieren Sie den NVIDIA-Treiber, und starten Sie dann neu.</translation>
    </message>
    <message>
        <source>{0} is there, but its driver knows CUDA {1}.{2} at most, and the installed PyTorch is made for {3}. Update the NVIDIA driver, or run the set-up again (start.py).</source>
        <translation>{0} ist da, aber der Treiber kennt höchstens CUDA {1}.{2}, und das installierte PyTorch ist für {3} gemacht. Aktualisieren Sie den NVIDIA-Treiber, oder lassen Sie die Einrichtung noch einmal laufen (start.py).</translation>
    </message>
    <message>
        <source>{0} is there, but the installed PyTorch has no code for its compute capability {1}.</source>
        <translation>{0} ist da, aber das installierte PyTorch hat keinen Code für ihre Compute Capability {1}.</translation>
    </message>
    <message>
        <source>{0} is there, but the installed PyTorch was built without CUDA. Run the set-up again (start.py).</source>
        <translation>{0} ist da, aber das installierte PyTorch wurde ohne CUDA gebaut. Führen Sie die Einrichtung noch einmal aus (start.py).</translation>
    </message>
    <message>
        <source>{0} is there, but the variable CUDA_VISIBLE_DEVICES hides it.</source>
        <translation>{0} ist da, aber die Variable CUDA_VISIBLE_DEVICES verbirgt sie.</translation>
    </message>
    <message>
        <source>{0} lists parts that no file holds ({1})</source>
        <translation>{0} führt Teile auf, die keine Datei enthält ({1})</translation>
    </message>
    <message>
        <source>{0} more were needed at once, {1}</source>
        <translation>{0} mehr wurden auf einmal gebraucht, {1}</translation>
    </message>
    <message>
        <source>{0} moves {1} GB/s ({2}), and each token reads the weights once{3}.</source>
        <translation>{0} bewegt {1} GB/s ({2}), und jedes Token liest die Gewichte einmal{3}.</translation>
    </message>
    <message>
        <source>{0} names a file that is no .safetensors file in the folder</source>
        <translation>{0} nennt eine Datei, die keine .safetensors-Datei im Ordner ist</translation>
    </message>
    <message>
        <source>{0} needs {1} GB of disk space, but only {2} GB are free.</source>
        <translation>{0} braucht {1} GB auf dem Datenträger, aber nur {2} GB sind frei.</translation>
    </message>
    <message>
        <source>{0} proposes words that {1} checks; {2} GiB for its weights, its conversation and its work were set aside first.</source>
        <translation>{0} schlägt Wörter vor, die {1} prüft; {2} GiB für seine Gewichte, seine Unterhaltung und seine Arbeit wurden vorher beiseitegelegt.</translation>
    </message>
    <message>
        <source>{0} ran out: {1}.</source>
        <translation>{0} ging aus: {1}.</translation>
    </message>
    <message>
        <source>{0} speaks of a width of {1}, the weights have another</source>
        <translation>{0} spricht von einer Breite von {1}, die Gewichte haben eine andere</translation>
    </message>
    <message>
        <source>{0} speaks of {1} experts, the weights hold fewer</source>
        <translation>{0} spricht von {1} Experten, die Gewichte enthalten weniger</translation>
    </message>
    <message>
        <source>{0} speaks of {1} layers, the weights hold fewer</source>
        <translation>{0} spricht von {1} Schichten, die Gewichte enthalten weniger</translation>
    </message>
    <message>
        <source>{0} speaks of {1} words, the weights hold fewer</source>
        <translation>{0} spricht von {1} Wörtern, die Gewichte enthalten weniger</translation>
    </message>
    <message>
        <source>{0} tokens because you asked for it.</source>
        <translation>{0} Tokens, weil Sie darum gebeten haben.</translation>
    </message>
    <message>
        <source>{0} tokens is Hearth&apos;s usual window.</source>
        <translation>{0} Tokens sind der übliche Kontext von Hearth.</translation>
    </message>
    <message>
        <source>{0} tokens is the most this model was made for.</source>
        <translation>{0} Tokens sind das Meiste, wofür dieses Modell gemacht ist.</translation>
    </message>
    <message>
        <source>{0} tokens is the most where main memory has to help, as more would be slower still.</source>
        <translation>Mehr als {0} Tokens verwendet Hearth nicht, wo der Arbeitsspeicher aushelfen muss, denn mehr wäre noch langsamer.</translation>
    </message>
    <message>
        <source>{0} tokens is what fits into the memory that is left.</source>
        <translation>{0} Tokens sind, was in den übrigen Speicher passt.</translation>
    </message>
    <message>
        <source>{0} tokens per second</source>
        <translation>{0} Tokens pro Sekunde</translation>
    </message>
    <message>
        <source>{0} unpacks {1} billion 4-bit weights per second, and a token needs {2}.</source>
        <translation>{0} entpackt {1} Milliarden 4-Bit-Gewichte pro Sekunde, und ein Token braucht {2}.</translation>
    </message>
    <message>
        <source>{0} up to {1} rows</source>
        <translation>{0} bis {1} Zeilen</translation>
    </message>
    <message>
        <source>{0} was disabled by the Hub.</source>
        <translation>{0} wurde vom Hub gesperrt.</translation>
    </message>
    <message>
        <source>{0} was reached{1}.</source>
        <translation>{0} wurde erreicht{1}.</translation>
    </message>
    <message>
        <source>{0} were free</source>
        <translation>{0} waren frei</translation>
    </message>
    <message>
        <source>{0} would need {1} GiB and {2} are free on {3}</source>
        <translation>{0} bräuchte {1} GiB, und {2} sind auf {3} frei</translation>
    </message>
    <message>
        <source>{0} would need {1} GiB and {2} of main memory are free</source>
        <translation>{0} bräuchte {1} GiB, und {2} des Hauptspeichers sind frei</translation>
    </message>
    <message>
        <source>{0} would need {1} GiB in whole layers and {2} are free on {3}</source>
        <translation>{0} bräuchte {1} GiB in ganzen Schichten, und {2} sind auf {3} frei</translation>
    </message>
    <message>
        <source>{0} {1} or later</source>
        <translation>{0} {1} oder neuer</translation>
    </message>
    <message>
        <source>{0} {1}, so it isn&apos;t used.</source>
        <translation>{0} {1}, daher wird es nicht verwendet.</translation>
    </message>
    <message>
        <source>{0} {1}, which is slower.</source>
        <translation>{0} {1}, was langsamer ist.</translation>
    </message>
    <message>
        <source>{0}, and bitsandbytes does not work on this {1}.</source>
        <translation>{0}, und bitsandbytes funktioniert auf diesem {1} nicht.</translation>
    </message>
    <message>
        <source>{0}, as published in {1}</source>
        <translation>{0}, wie in {1} veröffentlicht</translation>
    </message>
    <message>
        <source>{0}, as published in {1}, {2}, which is slower.</source>
        <translation>{0}, wie in {1} veröffentlicht, {2}, was langsamer ist.</translation>
    </message>
    <message>
        <source>{0}, packed again from {1}</source>
        <translation>{0}, neu gepackt aus {1}</translation>
    </message>
    <message>
        <source>{0}, then move again: it goes on.</source>
        <translation>{0}, und verschieben Sie dann noch einmal: Es geht weiter.</translation>
    </message>
    <message>
        <source>{0}, unpacked from {1}</source>
        <translation>{0}, entpackt aus {1}</translation>
    </message>
    <message>
        <source>{0}, which needs a C compiler on this computer.</source>
        <translation>{0}, was einen C-Compiler auf diesem Rechner braucht.</translation>
    </message>
    <message>
        <source>{0}, which needs a graphics card of compute capability {1} or higher; this one has {2}.</source>
        <translation>{0}, was eine Grafikkarte mit Compute Capability {1} oder höher braucht; diese hat {2}.</translation>
    </message>
    <message>
        <source>{0}, which needs {1} (pip install {2}).</source>
        <translation>{0}, was {1} braucht (pip install {2}).</translation>
    </message>
    <message>
        <source>{0}, which runs on NVIDIA graphics cards only.</source>
        <translation>{0}, was nur auf NVIDIA-Grafikkarten läuft.</translation>
    </message>
    <message>
        <source>{0}-bit integers</source>
        <translation>{0}-Bit-Ganzzahlen</translation>
    </message>
    <message>
        <source>{0}.hearth-record.{1}.incomplete</source>
        <translation>{0}.hearth-record.{1}.incomplete</translation>
    </message>
    <message>
        <source>{0}/{1} is no ordinary file</source>
        <translation>{0}/{1} ist keine gewöhnliche Datei</translation>
    </message>
    <message>
        <source>{0}; correct it in the settings.</source>
        <translation>{0}; berichtigen Sie es in den Einstellungen.</translation>
    </message>
    <message>
        <source>{0}; going on in {1} s.</source>
        <translation>{0}; weiter in {1} s.</translation>
    </message>
    <message>
        <source>{0}; {1} MiB; driver {2}; torch {3}</source>
        <translation>{0}; {1} MiB; Treiber {2}; torch {3}</translation>
    </message>
    <message>
        <source>{0}{1} {2} not work here</source>
        <translation>{0}{1} {2} funktionieren hier nicht</translation>
    </message>
    <message>
        <source>{0}{1}, even with only {2} tokens{3}.</source>
        <translation>{0}{1}, auch mit nur {2} Tokens{3}.</translation>
    </message>
    <message>
        <source>{amount}, kept</source>
        <translation>{amount}, erhalten</translation>
    </message>
    <message>
        <source>{cards}, and {ram}</source>
        <translation>{cards}, und {ram}</translation>
    </message>
    <message>
        <source>{choice} (default)</source>
        <translation>{choice} (Standard)</translation>
    </message>
    <message>
        <source>{computer}. {problem}</source>
        <translation>{computer}. {problem}</translation>
    </message>
    <message>
        <source>{copy} (without room for it, it is packed anew at each load)</source>
        <translation>{copy} (ohne Platz dafür wird es bei jedem Laden neu gepackt)</translation>
    </message>
    <message>
        <source>{count} characters</source>
        <translation>{count} Zeichen</translation>
    </message>
    <message>
        <source>{count} conversations</source>
        <translation>{count} Unterhaltungen</translation>
    </message>
    <message>
        <source>{count} conversations were deleted. They can be restored for {seconds} seconds.</source>
        <translation>{count} Unterhaltungen wurden gelöscht. {seconds} Sekunden lang lässt sich das rückgängig machen.</translation>
    </message>
    <message>
        <source>{count} conversations were exported to {name}.</source>
        <translation>{count} Unterhaltungen wurden nach {name} exportiert.</translation>
    </message>
    <message>
        <source>{count} of the {window} tokens that the model can hold. {known} are known, {rest} would be read now.</source>
        <translation>{count} der {window} Tokens, die das Modell fassen kann. {known} sind bekannt, {rest} würden jetzt gelesen.</translation>
    </message>
    <message>
        <source>{count} of these files look like exported conversations.</source>
        <translation>{count} dieser Dateien sehen wie exportierte Unterhaltungen aus.</translation>
    </message>
    <message>
        <source>{count} of {total} pages are pictures without text.</source>
        <translation>{count} von {total} Seiten sind Bilder ohne Text.</translation>
    </message>
    <message>
        <source>{count} of {total} pages were left out, as the text is too long.</source>
        <translation>{count} von {total} Seiten wurden weggelassen, da der Text zu lang ist.</translation>
    </message>
    <message>
        <source>{count} pages</source>
        <translation>{count} Seiten</translation>
    </message>
    <message>
        <source>{count} sheets</source>
        <translation>{count} Blätter</translation>
    </message>
    <message>
        <source>{count} slides</source>
        <translation>{count} Folien</translation>
    </message>
    <message>
        <source>{count} were here already.</source>
        <translation>{count} waren schon da.</translation>
    </message>
    <message>
        <source>{cpu_name}, {ram}, no graphics card that Hearth can use</source>
        <translation>{cpu_name}, {ram}, keine Grafikkarte, die Hearth verwenden kann</translation>
    </message>
    <message>
        <source>{date}, {time}</source>
        <translation>{date}, {time} Uhr</translation>
    </message>
    <message>
        <source>{day} {month} {year}</source>
        <translation>{day}. {month} {year}</translation>
    </message>
    <message>
        <source>{done} of {total}</source>
        <translation>{done} von {total}</translation>
    </message>
    <message>
        <source>{downloads} in a month</source>
        <translation>{downloads} in einem Monat</translation>
    </message>
    <message>
        <source>{hours} h {minutes} min</source>
        <translation>{hours} h {minutes} min</translation>
    </message>
    <message>
        <source>{hub_id} has been downloaded.</source>
        <translation>{hub_id} wurde heruntergeladen.</translation>
    </message>
    <message>
        <source>{key} alone is for writing: take Ctrl or Alt with it.</source>
        <translation>{key} allein ist zum Schreiben: Nehmen Sie Strg oder Alt dazu.</translation>
    </message>
    <message>
        <source>{key} always means “{action}”.</source>
        <translation>{key} bedeutet immer „{action}“.</translation>
    </message>
    <message>
        <source>{key} has its own meaning where you write and in lists.</source>
        <translation>{key} hat beim Schreiben und in Listen eine eigene Bedeutung.</translation>
    </message>
    <message>
        <source>{key} is the key of “{action}”.</source>
        <translation>{key} ist die Taste von „{action}“.</translation>
    </message>
    <message>
        <source>{label}: {value} can&apos;t be used here.</source>
        <translation>{label}: {value} kann hier nicht verwendet werden.</translation>
    </message>
    <message>
        <source>{label}: {value} is outside {minimum} to {maximum}.</source>
        <translation>{label}: {value} liegt außerhalb von {minimum} bis {maximum}.</translation>
    </message>
    <message>
        <source>{language}, 1 line</source>
        <translation>{language}, 1 Zeile</translation>
    </message>
    <message>
        <source>{language}, {count} lines</source>
        <translation>{language}, {count} Zeilen</translation>
    </message>
    <message>
        <source>{memory} freed.</source>
        <translation>{memory} freigegeben.</translation>
    </message>
    <message>
        <source>{memory} of main memory</source>
        <translation>{memory} Arbeitsspeicher</translation>
    </message>
    <message>
        <source>{minutes} min {seconds} s</source>
        <translation>{minutes} min {seconds} s</translation>
    </message>
    <message>
        <source>{model} is answering.</source>
        <translation>{model} antwortet.</translation>
    </message>
    <message>
        <source>{model} is loaded now. It also answers what you write from here on.</source>
        <translation>{model} ist jetzt geladen. Es beantwortet auch, was Sie von hier an schreiben.</translation>
    </message>
    <message>
        <source>{month} {year}</source>
        <translation>{month} {year}</translation>
    </message>
    <message>
        <source>{name} answers.</source>
        <translation>{name} antwortet.</translation>
    </message>
    <message>
        <source>{name} could not be read from its disk.</source>
        <translation>{name} konnte nicht von seinem Datenträger gelesen werden.</translation>
    </message>
    <message>
        <source>{name} could not be read within {seconds} seconds. Attach a smaller part of it.</source>
        <translation>{name} konnte nicht innerhalb von {seconds} Sekunden gelesen werden. Hängen Sie einen kleineren Teil davon an.</translation>
    </message>
    <message>
        <source>{name} could not be read: something in it is not as it should be.</source>
        <translation>{name} konnte nicht gelesen werden: Etwas darin ist nicht, wie es sein sollte.</translation>
    </message>
    <message>
        <source>{name} has an old Office format. Save it as .docx, .xlsx, .pptx or PDF first.</source>
        <translation>{name} hat ein altes Office-Format. Speichern Sie es zuerst als .docx, .xlsx, .pptx oder PDF.</translation>
    </message>
    <message>
        <source>{name} holds instructions that don&apos;t belong in such a file, and was not read for safety.</source>
        <translation>{name} enthält Anweisungen, die in eine solche Datei nicht gehören, und wurde zur Sicherheit nicht gelesen.</translation>
    </message>
    <message>
        <source>{name} holds no text, only pictures perhaps. Text in pictures can&apos;t be read yet.</source>
        <translation>{name} enthält keinen Text, vielleicht nur Bilder. Text in Bildern kann noch nicht gelesen werden.</translation>
    </message>
    <message>
        <source>{name} is a device or a pipe, not a file that can be read.</source>
        <translation>{name} ist ein Gerät oder eine Pipe, keine Datei, die sich lesen lässt.</translation>
    </message>
    <message>
        <source>{name} is a folder. Attach the files in it instead.</source>
        <translation>{name} ist ein Ordner. Hängen Sie stattdessen die Dateien darin an.</translation>
    </message>
    <message>
        <source>{name} is a link that only leads back to itself.</source>
        <translation>{name} ist ein Link, der nur auf sich selbst zurückführt.</translation>
    </message>
    <message>
        <source>{name} is a picture, and models here read text only.</source>
        <translation>{name} ist ein Bild, und Modelle hier lesen nur Text.</translation>
    </message>
    <message>
        <source>{name} is a recording, and models here read text only.</source>
        <translation>{name} ist eine Aufnahme, und Modelle hier lesen nur Text.</translation>
    </message>
    <message>
        <source>{name} is an archive. Unpack it and attach the files that matter.</source>
        <translation>{name} ist ein Archiv. Entpacken Sie es, und hängen Sie die Dateien an, auf die es ankommt.</translation>
    </message>
    <message>
        <source>{name} is damaged or incomplete, and could not be read.</source>
        <translation>{name} ist beschädigt oder unvollständig und konnte nicht gelesen werden.</translation>
    </message>
    <message>
        <source>{name} is empty.</source>
        <translation>{name} ist leer.</translation>
    </message>
    <message>
        <source>{name} is larger than {megabytes} MB. Attach the part that matters.</source>
        <translation>{name} ist größer als {megabytes} MB. Hängen Sie den Teil an, auf den es ankommt.</translation>
    </message>
    <message>
        <source>{name} is loaded in {precision} on {place}, {context_window} tokens.</source>
        <translation>{name} ist in {precision} auf {place} geladen, {context_window} Tokens.</translation>
    </message>
    <message>
        <source>{name} is loaded.</source>
        <translation>{name} ist geladen.</translation>
    </message>
    <message>
        <source>{name} is no longer there.</source>
        <translation>{name} ist nicht mehr da.</translation>
    </message>
    <message>
        <source>{name} is no ordinary file, so nothing was written there.</source>
        <translation>{name} ist keine gewöhnliche Datei, deshalb wurde dort nichts geschrieben.</translation>
    </message>
    <message>
        <source>{name} is not text, whatever its name says.</source>
        <translation>{name} ist kein Text, was immer der Name sagt.</translation>
    </message>
    <message>
        <source>{name} is protected by a password. Save a copy without one, and attach that.</source>
        <translation>{name} ist durch ein Passwort geschützt. Speichern Sie eine Kopie ohne, und hängen Sie diese an.</translation>
    </message>
    <message>
        <source>{name} is still being read. Send when that is done, or remove it.</source>
        <translation>{name} wird noch gelesen. Senden Sie, wenn das fertig ist, oder entfernen Sie es.</translation>
    </message>
    <message>
        <source>{name} is too long for the model, which can hold {window} tokens. Attach a part of it, or load the model with a larger context.</source>
        <translation>{name} ist zu lang für das Modell, das {window} Tokens fassen kann. Hängen Sie einen Teil davon an, oder laden Sie das Modell mit mehr Kontext.</translation>
    </message>
    <message>
        <source>{name} looks like exported conversations.</source>
        <translation>{name} sieht wie exportierte Unterhaltungen aus.</translation>
    </message>
    <message>
        <source>{name} may not be read with your account.</source>
        <translation>{name} darf mit Ihrem Konto nicht gelesen werden.</translation>
    </message>
    <message>
        <source>{name} on {device}</source>
        <translation>{name} auf {device}</translation>
    </message>
    <message>
        <source>{name} unpacks to far more than it seems to hold, and was not read for safety.</source>
        <translation>{name} entpackt sich zu weit mehr, als es zu enthalten scheint, und wurde zur Sicherheit nicht gelesen.</translation>
    </message>
    <message>
        <source>{name} with {memory}</source>
        <translation>{name} mit {memory}</translation>
    </message>
    <message>
        <source>{name} would take too much memory to read. Attach a smaller part of it.</source>
        <translation>{name} zu lesen bräuchte zu viel Speicher. Hängen Sie einen kleineren Teil davon an.</translation>
    </message>
    <message>
        <source>{number} billion</source>
        <translation>{number} Milliarden</translation>
    </message>
    <message>
        <source>{number} days</source>
        <translation>{number} Tage</translation>
    </message>
    <message>
        <source>{number} days ago</source>
        <translation>vor {number} Tagen</translation>
    </message>
    <message>
        <source>{number} files</source>
        <translation>{number} Dateien</translation>
    </message>
    <message>
        <source>{number} h</source>
        <translation>{number} h</translation>
    </message>
    <message>
        <source>{number} million</source>
        <translation>{number} Millionen</translation>
    </message>
    <message>
        <source>{number} min</source>
        <translation>{number} min</translation>
    </message>
    <message>
        <source>{number} month ago</source>
        <translation>vor {number} Monat</translation>
    </message>
    <message>
        <source>{number} months ago</source>
        <translation>vor {number} Monaten</translation>
    </message>
    <message>
        <source>{number} ms</source>
        <translation>{number} ms</translation>
    </message>
    <message>
        <source>{number} of {count} layers</source>
        <translation>{number} von {count} Schichten</translation>
    </message>
    <message>
        <source>{number} of {total}</source>
        <translation>{number} von {total}</translation>
    </message>
    <message>
        <source>{number} per cent</source>
        <translation>{number} Prozent</translation>
    </message>
    <message>
        <source>{number} s</source>
        <translation>{number} s</translation>
    </message>
    <message>
        <source>{number} token</source>
        <translation>{number} Token</translation>
    </message>
    <message>
        <source>{number} tokens</source>
        <translation>{number} Tokens</translation>
    </message>
    <message>
        <source>{number} week ago</source>
        <translation>vor {number} Woche</translation>
    </message>
    <message>
        <source>{number} weeks ago</source>
        <translation>vor {number} Wochen</translation>
    </message>
    <message>
        <source>{number} year ago</source>
        <translation>vor {number} Jahr</translation>
    </message>
    <message>
        <source>{number} years ago</source>
        <translation>vor {number} Jahren</translation>
    </message>
    <message>
        <source>{parts} on {place}</source>
        <translation>{parts} auf {place}</translation>
    </message>
    <message>
        <source>{publisher} · now called {renamed}</source>
        <translation>{publisher} · heißt jetzt {renamed}</translation>
    </message>
    <message>
        <source>{rate} tokens per second</source>
        <translation>{rate} Tokens pro Sekunde</translation>
    </message>
    <message>
        <source>{rate} tokens/s</source>
        <translation>{rate} Tokens/s</translation>
    </message>
    <message>
        <source>{reference} was deleted: {size} are free again.</source>
        <translation>{reference} wurde gelöscht: {size} sind wieder frei.</translation>
    </message>
    <message>
        <source>{reused} (from {place} in {time})</source>
        <translation>{reused} (aus {place} in {time})</translation>
    </message>
    <message>
        <source>{reused} ({part} from {place} in {time})</source>
        <translation>{reused} ({part} aus {place} in {time})</translation>
    </message>
    <message>
        <source>{right} of {guessed} right ({how})</source>
        <translation>{right} von {guessed} richtig ({how})</translation>
    </message>
    <message>
        <source>{size} have arrived and would have to be fetched again. Pause keeps them.</source>
        <translation>{size} sind angekommen und müssten noch einmal geholt werden. Anhalten behält sie.</translation>
    </message>
    <message>
        <source>{size} here</source>
        <translation>{size} hier</translation>
    </message>
    <message>
        <source>{size} of {place}</source>
        <translation>{size} {place}</translation>
    </message>
    <message>
        <source>{size}, about {time} at {speed} Mbit/s</source>
        <translation>{size}, etwa {time} bei {speed} Mbit/s</translation>
    </message>
    <message>
        <source>{size}, of all models.</source>
        <translation>{size}, von allen Modellen.</translation>
    </message>
    <message>
        <source>{size}. This is the text that the model gets.</source>
        <translation>{size}. Das ist der Text, den das Modell bekommt.</translation>
    </message>
    <message>
        <source>{size}/s</source>
        <translation>{size}/s</translation>
    </message>
    <message>
        <source>{tables} and {layers}</source>
        <translation>{tables} und {layers}</translation>
    </message>
    <message>
        <source>{tier}: share in use</source>
        <translation>{tier}: belegter Anteil</translation>
    </message>
    <message>
        <source>{time} left</source>
        <translation>noch {time}</translation>
    </message>
    <message>
        <source>{title} (copy)</source>
        <translation>{title} (Kopie)</translation>
    </message>
    <message>
        <source>{title} is attached.</source>
        <translation>{title} ist angehängt.</translation>
    </message>
    <message>
        <source>{tokens} in {time}</source>
        <translation>{tokens} in {time}</translation>
    </message>
    <message>
        <source>{version} / {versions}</source>
        <translation>{version} / {versions}</translation>
    </message>
    <message>
        <source>{words} ({key})</source>
        <translation>{words} ({key})</translation>
    </message>
    <message>
        <source>“{0}” can be no name of a model.</source>
        <translation>„{0}“ kann kein Name eines Modells sein.</translation>
    </message>
    <message>
        <source>“{key}” can&apos;t be the key of “{action}”, which keeps its usual one.</source>
        <translation>„{key}“ kann nicht die Taste von „{action}“ sein, die ihre übliche behält.</translation>
    </message>
    <message>
        <source>“{key}” is chosen for two actions; “{action}” keeps its usual one.</source>
        <translation>„{key}“ ist für zwei Aktionen gewählt; „{action}“ behält ihre übliche.</translation>
    </message>
    <message>
        <source>“{title}” was deleted. It can be restored for {seconds} seconds.</source>
        <translation>„{title}“ wurde gelöscht. {seconds} Sekunden lang lässt sich das rückgängig machen.</translation>
    </message>
</context>
</TS>
