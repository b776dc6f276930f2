//! Messages to chats and phones.

use serde_json::{Value, json};

use crate::words::{Message, Tone};

/// The longest text that Telegram takes is 4,096 characters.
const MAX_TELEGRAM: usize = 4_000;

/// <https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks>. The attachment gives it a colour, and is
/// what Mattermost, Rocket.Chat and Discord take as well.
pub(super) fn slack(message: &Message) -> Value {
    let escaped = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let title = escaped(&message.title);
    let title = match &message.link {
        Some(link) => format!("<{link}|{}>", title.replace('|', "/")),
        None => title,
    };
    let text = escaped(&message.lines.join("\n"));
    json!({
        "text": format!("*{title}*"),
        "attachments": [{"color": message.tone.colour(), "text": text, "fallback": text}],
    })
}

/// An adaptive card, which the workflow "Post to a channel when a webhook request is received" posts.
pub(super) fn teams(message: &Message) -> Value {
    let colour = match message.tone {
        Tone::Bad => "Attention",
        Tone::Warn => "Warning",
        Tone::Good => "Good",
    };
    // A target must not put links into somebody's chat.
    let plain = |text: &str| {
        text.chars().fold(String::new(), |mut plain, c| {
            if "\\`*_[]()#".contains(c) {
                plain.push('\\');
            }
            plain.push(c);
            plain
        })
    };
    let line = |text: &String| json!({"type": "TextBlock", "text": plain(text), "wrap": true});
    let title = json!({
        "type": "TextBlock", "text": plain(&message.title), "wrap": true, "weight": "Bolder", "size": "Medium", "color": colour,
    });
    let body: Vec<Value> = std::iter::once(title).chain(message.lines.iter().map(line)).collect();
    let actions: Vec<Value> =
        message.link.iter().map(|url| json!({"type": "Action.OpenUrl", "title": "Open", "url": url})).collect();
    let card = json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard", "version": "1.4", "body": body, "actions": actions,
    });
    json!({
        "type": "message",
        "attachments": [{"contentType": "application/vnd.microsoft.card.adaptive", "content": card}],
    })
}

/// <https://core.telegram.org/bots/api#sendmessage>.
pub(super) fn telegram(message: &Message, chat: &str) -> Value {
    let text: String = format!("{}\n{}", message.title, message.text()).chars().take(MAX_TELEGRAM).collect();
    json!({"chat_id": chat, "text": text, "link_preview_options": {"is_disabled": true}})
}

/// <https://docs.ntfy.sh/publish/#publish-as-json>, since a header could not hold every title.
pub(super) fn ntfy(message: &Message, topic: &str) -> Value {
    let (priority, tag) = match message.tone {
        Tone::Bad => (4, "rotating_light"),
        Tone::Warn => (3, "warning"),
        Tone::Good => (3, "white_check_mark"),
    };
    let mut body = json!({
        "topic": topic, "title": message.title, "message": message.lines.join("\n"), "priority": priority, "tags": [tag],
    });
    if let Some(link) = &message.link {
        body["click"] = link.clone().into();
    }
    body
}
