//! Comma-separated values, as RFC 4180 has them.

use serde_json::Value;

/// One record with its line's end. What is absent is empty, and an empty text is quoted, so that both can be told apart.
pub(crate) fn csv_line(values: &[Value]) -> String {
    let fields: Vec<String> = values.iter().map(field).collect();
    fields.join(",") + "\r\n"
}

fn field(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => {
            let is_plain = !text.is_empty() && !text.contains(['"', ',', '\r', '\n']);
            if is_plain { text.clone() } else { format!("\"{}\"", text.replace('"', "\"\"")) }
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_would_break_a_field_is_quoted() {
        let values =
            [json!(null), json!(""), json!("a b"), json!("a,b"), json!("say \"hi\"\r\nthen"), json!(1.5)];
        assert_eq!(csv_line(&values), ",\"\",a b,\"a,b\",\"say \"\"hi\"\"\r\nthen\",1.5\r\n");
        assert_eq!(csv_line(&[]), "\r\n");
    }
}
