"""Categories and corrections on the page, and what they change."""

from __future__ import annotations

from browser import serving

from textshot import Category, Engine
from textshot.testing import HashingEncoder

LATE = "my parcel has not come yet"
WARRANTY = "the coffee grinder broke after eight months"
OTHERS = ["when is the shop open on Saturday", LATE]
ODD = ["a/b", "50 % \"off\" & 'more'", "🧹 ménage", "חשבון / invoice", "..", "none", "0", "#?x=1"]


def add(view, name, example, description=""):
    view.page.fill("#add-name", name)
    view.page.fill("#add-example", example)
    view.page.fill("#add-description", description)
    view.page.click("#add button.main")


def correct(view, number, **option):
    form = view.page.locator("form.correct").nth(number)
    form.locator("select").select_option(**option)
    form.locator("text=Correct").click()


def test_a_read_only_user_sees_no_forms(toy, look):
    view = look(toy)
    view.classify(LATE)
    assert view.page.locator("#add").is_hidden()
    assert view.page.locator("form.correct").count() == 0


def test_a_new_category_changes_the_answers_on_screen_at_once(writable, look):
    view = look(writable)
    view.classify(WARRANTY, *OTHERS)
    assert view.labels() == ["unknown", "opening hours", "late parcel"]
    add(view, "warranty claim", "the coffee grinder broke", "It worked first.")
    view.wait_for_status("Added warranty claim. 1 of 3 answers changed category.")
    assert view.labels() == ["warranty claim", "opening hours", "late parcel"]
    assert view.page.locator(".changed .mark").all_inner_texts() == ["was unknown"]
    assert "generation 2" in view.page.inner_text("footer")
    assert "warranty claim" in view.page.inner_text("#categories ul")
    category = writable.ask("/v1/categories/warranty%20claim")["category"]
    assert category["description"] == "It worked first."
    assert view.page.input_value("#add-name") == ""


def test_a_category_can_start_from_the_text_of_an_answer(writable, look):
    view = look(writable)
    view.classify(WARRANTY)
    view.page.click("text=New category from this text")
    assert view.page.input_value("#add-example") == WARRANTY
    view.page.keyboard.type("warranty claim")
    view.page.keyboard.press("Enter")
    view.wait_for_status("The answer changed category.")
    assert view.labels() == ["warranty claim"]


def test_an_answer_is_corrected_and_the_correction_decides(writable, look):
    view = look(writable)
    view.classify(WARRANTY, *OTHERS)
    correct(view, 0, label="refund request")
    view.wait_for_status("Correction saved: refund request. 1 of 3 answers changed category.")
    assert view.labels() == ["refund request", "opening hours", "late parcel"]
    first = view.page.locator("#answers > ol > li").first.inner_text()
    assert f"Decided by the correction “{WARRANTY}”" in first
    correct(view, 0, label="refund request")
    view.wait_for_status("Already saved: refund request. No answer changed category.")


def test_an_answer_can_fit_none(writable, look):
    view = look(writable)
    view.classify(LATE)
    correct(view, 0, value="none")
    view.wait_for_status("Correction saved: “fits none”. The answer changed category.")
    assert view.labels() == ["unknown"]
    assert "nearer to a text that fits no category" in view.page.inner_text("#answers")


def test_a_correction_without_a_category_is_an_error(writable, look):
    view = look(writable)
    view.classify(LATE)
    view.page.click("form.correct >> text=Correct")
    assert view.page.inner_text("form.correct [role=alert]") == "Choose a category first."
    assert writable.ask("/v1/info")["indexes"][0]["generation"] == 1


def test_a_taken_name_is_reported_beside_the_form(writable, look):
    view = look(writable, refused=["status of 409"])
    add(view, "late parcel", "where is it")
    view.page.wait_for_selector("#add-problem:not([hidden])")
    assert "There is a category of that name." in view.page.inner_text("#add-problem")
    assert view.page.input_value("#add-example") == "where is it"


def test_a_concurrent_change_is_shown_before_the_next_attempt(writable, look):
    view = look(writable, refused=["status of 409"])
    view.classify(WARRANTY)
    writable.ask("/v1/categories", {"name": "warranty claim", "examples": [WARRANTY]})
    add(view, "broken things", "it broke")
    view.page.wait_for_selector("#add-problem:not([hidden])")
    words = view.page.inner_text("#add-problem")
    assert "changed the index in the meantime (generation 1, now 2)" in words
    assert view.labels() == ["warranty claim"]
    assert "generation 2" in view.page.inner_text("footer")
    view.page.click("#add button.main")
    view.wait_for_status("Added broken things.")


def test_an_answer_of_a_newer_generation_brings_its_categories(writable, look):
    view = look(writable)
    writable.ask("/v1/categories", {"name": "warranty claim", "examples": [WARRANTY]})
    view.classify(WARRANTY)
    assert view.labels() == ["warranty claim"]
    assert "generation 2" in view.page.inner_text("footer")
    options = view.page.locator("form.correct option").all_inner_texts()
    assert "warranty claim" in options


def test_any_name_can_be_added_and_chosen(writable, look):
    view = look(writable)
    view.classify(LATE)
    for i, name in enumerate(ODD):
        add(view, name, f"example{i} of{i} this{i}")
        view.wait_for_status(f"Added {name}.")
        correct(view, 0, label=name)
        view.wait_for_status(f"Correction saved: {name}.")
        assert view.labels() == [name]
    known = [c["name"] for c in writable.ask("/v1/categories")["categories"]]
    assert set(ODD) < set(known)


def test_with_many_categories_the_name_is_typed(tmp_path, look):
    categories = [Category(f"topic {i}", examples=[f"words about number {i}"]) for i in range(100)]
    Engine.build(categories, encoder=HashingEncoder(), threshold=0.3).save(tmp_path / "many")
    with serving(tmp_path / "many", "--writable") as server:
        view = look(server)
        view.classify(WARRANTY)
        assert view.page.locator("#names option").count() == 100
        view.page.fill("form.correct input", "topic 77")
        view.page.click("form.correct >> text=Correct")
        view.wait_for_status("Correction saved: topic 77.")
        assert view.labels() == ["topic 77"]
        view.page.click("form.correct >> text=Fits none")
        view.wait_for_status("Correction saved: “fits none”.")
        assert view.labels() == ["unknown"]
