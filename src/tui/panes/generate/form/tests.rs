//! Texts in, orders out.

use super::*;

fn filled() -> Form {
    let mut form = Form::default();
    form.set_default_prompt("Solve: {{ problem }}");
    form.set_value("model", "micro");
    form
}

#[test]
fn first_values_make_the_default_order() {
    let order = filled().submit(3).unwrap();
    assert_eq!((order.model.as_str(), order.samples, order.turns, order.seed), ("micro", 4, 2, 0));
    assert_eq!(order.sampling, Sampling::default());
    assert_eq!((order.problems, order.limit, order.slots, order.policy, order.prompt), (None, None, None, None, None));
}

#[test]
fn wrong_values_are_said_at_their_fields() {
    let mut form = filled();
    for (key, value) in [
        ("model", " "),
        ("samples", "0"),
        ("turns", "7"),
        ("temperature", "warm"),
        ("top_p", "0"),
        ("min_p", "1"),
        ("seed", "-1"),
        ("limit", "none"),
        ("prompt", "Solve it: {{ question }}"),
    ] {
        form.set_value(key, value);
    }
    assert_eq!(form.submit(0), None);
    let error = |field: Field| match field {
        Field::Prompt => form.prompt_error.as_deref(),
        field => form.fields.error(field as usize),
    };
    let wrong = Field::ALL.into_iter().filter(|&field| error(field).is_some()).collect::<Vec<_>>();
    assert_eq!(
        wrong,
        [
            Field::Model,
            Field::Problems,
            Field::Samples,
            Field::Turns,
            Field::Temperature,
            Field::TopP,
            Field::MinP,
            Field::Limit,
            Field::Seed,
            Field::Prompt
        ]
    );
    assert_eq!(form.field(), Field::Model, "the first wrong field is selected");
    assert_eq!(error(Field::Turns), Some("1 to 6"));
}

#[test]
fn servers_write_in_the_place_of_this_process() {
    let mut form = filled();
    form.set_value("servers", " http://localhost:8000  https://far/v1 ");
    form.set_value("slots", "many");
    form.set_value("compute", "f32");
    form.fields.go_to(Field::Servers as usize);
    form.end_edit();
    assert!(form.asks_servers() && form.text(Field::Model).is_empty(), "no server has that model");
    let (order, errors) = form.order(None);
    assert_eq!(errors, [], "what servers decide is not read");
    let Writer::Servers(servers) = order.writer else { panic!("no servers") };
    assert_eq!(servers.endpoints, ["http://localhost:8000", "https://far/v1"]);
    assert_eq!((order.model.as_str(), order.slots, order.compute), ("", None, ComputeChoice::Auto));
    form.set_value("model", "small");
    assert_eq!(form.order(None).0.model, "small");
    form.fields.go_to(Field::Compute as usize);
    assert!(form.help().starts_with("Not used"));
    assert!(form.values().contains(&("servers", "http://localhost:8000  https://far/v1".into())), "it is kept");
}

#[test]
fn what_servers_may_cost_is_read_where_they_write() {
    let mut form = filled();
    form.set_value("price", "dear");
    form.set_value("max_cost", "2.5");
    form.fields.go_to(Field::MaxCost as usize);
    assert!(form.help().starts_with("Not used"));
    assert!(form.submit(1).is_some(), "nobody looks at it");
    form.set_value("servers", "http://localhost:8000");
    form.set_value("model", "small");
    let (_, errors) = form.order(None);
    assert_eq!(errors, [(Field::Price as usize, "such as 0.15,0.60".to_owned())]);
    form.set_value("price", "0.15,0.60");
    let (order, errors) = form.order(None);
    let Writer::Servers(servers) = order.writer else { panic!("no servers") };
    assert_eq!((servers.budget.cost, servers.budget.price.map(|price| price.completion)), (Some(2.5), Some(0.6)));
    assert_eq!((errors, servers.budget.tokens), (Vec::new(), None));
    form.fields.go_to(Field::MaxCost as usize);
    assert!(form.help().contains("needs a price"));
}

#[test]
fn what_is_wrong_with_servers_is_said_at_their_fields() {
    let mut form = filled();
    form.set_value("key_file", "/no/such/key");
    assert!(form.submit(1).is_some_and(|order| order.writer == Writer::Here), "nobody looks at it");
    form.set_value("servers", "localhost:8000");
    assert_eq!(form.submit(1), None);
    assert_eq!((form.field(), form.wrong()), (Field::Servers, 1));
    assert!(form.help().contains("write it like http://"), "{}", form.help());
    form.set_value("servers", "http://localhost:8000");
    assert_eq!(form.submit(1), None);
    assert_eq!((form.field(), form.wrong()), (Field::KeyFile, 1));
    assert!(form.help().starts_with("/no/such/key: no key can be read here"), "{}", form.help());
}

#[test]
fn the_default_prompt_does_not_replace_what_was_written() {
    let mut form = filled();
    form.set_default_prompt("Now: {{ problem }}");
    assert_eq!(form.prompt_text(), "Now: {{ problem }}");
    form.set_value("prompt", "Mine: {{problem|trim}}\nin two lines");
    form.set_default_prompt("Other: {{ problem }}");
    assert_eq!(form.submit(1).unwrap().prompt.as_deref(), Some("Mine: {{problem|trim}}\nin two lines"));
    form.reset_prompt();
    assert_eq!(form.submit(1).unwrap().prompt, None);
}

#[test]
fn values_go_out_and_come_back() {
    let mut form = filled();
    form.set_value("prompt", "Mine: {{ problem }}");
    form.set_value("top_k", "40");
    form.set_value("nonsense", "1");
    let mut other = Form::default();
    for (key, value) in form.values() {
        other.set_value(key, &value);
    }
    assert_eq!(other.values(), form.values());
    assert!(form.values().contains(&("top_k", "40".into())));
}

#[test]
fn policies_are_checked_and_gone_through() {
    let mut form = filled();
    form.set_value("policy", "odd");
    assert!(form.submit(1).is_some(), "not known here: the outside checks it");
    form.set_policies(vec!["blind".into(), "gold".into()]);
    assert_eq!(form.submit(1), None);
    let mut seen = Vec::new();
    for _ in 0..3 {
        form.next_policy();
        seen.push(form.text(Field::Policy).to_owned());
    }
    assert_eq!(seen, ["blind", "gold", ""]);
}
