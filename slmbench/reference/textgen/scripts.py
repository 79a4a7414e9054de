"""The plots of the stories: an opening, two possible causes and the ending each one leads to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Script:
    """One plot; `{n}` is a person, `{m}` the other person, `{t}` a thing, `{c}` a city."""

    name: str
    opening: tuple[str, ...]
    causes: tuple[tuple[str, ...], tuple[str, ...]]
    endings: tuple[tuple[str, ...], tuple[str, ...]]


SCRIPTS = (
    Script(
        "rain",
        ("{n} and {m} walked to work under dark clouds.", "Clouds hung over {c} when {n} met {m}."),
        (
            ("{n} carried a wide umbrella.", "{n} wore a thick raincoat."),
            ("{n} had nothing against the rain.", "{n} went out in a thin shirt."),
        ),
        (
            ("{n} arrived dry.", "{n} stayed dry all the way."),
            ("{n} arrived wet to the skin.", "{n} had to change wet clothes."),
        ),
    ),
    Script(
        "train",
        ("{n} and {m} wanted to take the early train to {c}.", "The train to {c} left at seven."),
        (
            ("{n} got up at five.", "{n} was on the platform in good time."),
            ("{n} slept until eight.", "{n} left home much too late."),
        ),
        (
            ("{n} reached {c} before noon.", "{n} found a seat by the window."),
            ("{n} missed the train.", "{n} had to wait for the next train."),
        ),
    ),
    Script(
        "exam",
        ("{n} and {m} had a test on Friday.", "There was a hard test at the school in {c}."),
        (
            ("{n} studied every evening.", "{n} read the whole book twice."),
            ("{n} never opened the book.", "{n} played games all week."),
        ),
        (
            ("{n} passed with a good mark.", "{n} answered every question."),
            ("{n} failed the test.", "{n} handed in an empty page."),
        ),
    ),
    Script(
        "cake",
        ("{n} and {m} each baked a cake.", "{n} and {m} put their cakes in the oven."),
        (
            ("{n} watched the clock carefully.", "{n} took the cake out in time."),
            ("{n} forgot the cake in the oven.", "{n} fell asleep while it baked."),
        ),
        (
            ("Everybody loved the cake of {n}.", "{n} served a golden cake."),
            ("The cake of {n} was burnt.", "{n} threw away a black cake."),
        ),
    ),
    Script(
        "plant",
        ("{n} and {m} got a young plant each.", "A gardener in {c} gave plants to {n} and {m}."),
        (
            ("{n} gave the plant water each day.", "{n} put the plant in the sun and watered it."),
            ("{n} never watered the plant.", "{n} left the plant in a dark corner."),
        ),
        (
            ("The plant of {n} grew tall.", "{n} saw the first flower open."),
            ("The plant of {n} dried up.", "{n} had only a dead plant."),
        ),
    ),
    Script(
        "money",
        ("{n} and {m} got their pay on the same day.", "{n} and {m} were paid well in {c}."),
        (
            ("{n} put half of it in the bank.", "{n} saved a little every week."),
            ("{n} spent it all at once.", "{n} bought drinks for the whole street."),
        ),
        (
            ("{n} could buy the {t} in the end.", "{n} had enough for the {t}."),
            ("{n} had to borrow for the {t}.", "{n} had no coin left for the {t}."),
        ),
    ),
    Script(
        "dog",
        ("{n} and {m} took their dogs to the park.", "Two dogs ran through the park in {c}."),
        (
            ("{n} held the dog on a strong lead.", "{n} kept the dog close."),
            ("{n} let the dog run free.", "{n} dropped the lead."),
        ),
        (
            ("{n} walked home with the dog.", "The dog of {n} lay at home by the fire."),
            ("{n} looked for the dog till night.", "The dog of {n} was gone."),
        ),
    ),
    Script(
        "race",
        ("{n} and {m} entered the big race.", "The race in {c} began at noon."),
        (
            ("{n} had trained all year.", "{n} was in the best form."),
            ("{n} had a bad knee.", "{n} had not run for years."),
        ),
        (
            ("{n} won a medal.", "{n} was first at the line."),
            ("{n} gave up after a mile.", "{n} came in last."),
        ),
    ),
    Script(
        "key",
        ("{n} and {m} came home late.", "It was midnight when {n} and {m} were back in {c}."),
        (
            ("{n} had the key in a pocket.", "{n} kept a key under the mat."),
            ("{n} had lost the key.", "{n} had left the key at the office."),
        ),
        (
            ("{n} opened the door and went to bed.", "{n} was soon inside."),
            ("{n} slept on the steps.", "{n} could not get in."),
        ),
    ),
    Script(
        "cold",
        ("It was freezing when {n} and {m} went out.", "{n} and {m} stood in the snow in {c}."),
        (
            ("{n} wore gloves and a warm coat.", "{n} had put on two pullovers."),
            ("{n} had forgotten the coat.", "{n} wore summer shoes."),
        ),
        (
            ("{n} enjoyed the snow for hours.", "{n} felt warm all day."),
            ("{n} shivered and caught a cold.", "{n} had blue fingers."),
        ),
    ),
    Script(
        "battery",
        ("{n} and {m} travelled with their phones.", "On the way to {c} both phones were in use."),
        (
            ("{n} had charged the phone at night.", "{n} carried a spare battery."),
            ("{n} had forgotten the charger.", "The phone of {n} was nearly empty."),
        ),
        (
            ("{n} called home in the evening.", "{n} found the way with the map on the phone."),
            ("{n} could call nobody.", "The phone of {n} went dark."),
        ),
    ),
    Script(
        "speech",
        ("{n} and {m} had to give a speech.", "A hall in {c} waited for two speeches."),
        (
            ("{n} practised before the mirror.", "{n} knew every line by heart."),
            ("{n} had prepared nothing.", "{n} lost the notes on the way."),
        ),
        (
            ("The hall clapped for {n}.", "{n} spoke well and smiled."),
            ("{n} did not know what to say.", "{n} blushed and left the stage."),
        ),
    ),
    Script(
        "bicycle",
        ("{n} and {m} rode to the lake.", "{n} and {m} took their bicycles to {c}."),
        (
            ("{n} had checked the brakes.", "{n} had put new tyres on."),
            ("{n} rode on old tyres.", "The bicycle of {n} had a loose wheel."),
        ),
        (
            ("{n} came safely to the lake.", "{n} rode the whole way without a stop."),
            ("{n} had to push the bicycle home.", "{n} fell into a ditch."),
        ),
    ),
    Script(
        "food",
        ("{n} and {m} had a long hike before them.", "{n} and {m} climbed a hill near {c}."),
        (
            ("{n} packed bread and cheese.", "{n} took plenty of water and apples."),
            ("{n} left without breakfast.", "{n} had no food in the bag."),
        ),
        (
            ("{n} had a fine picnic at the top.", "{n} ate well at noon."),
            ("{n} was hungry and turned back.", "{n} begged for a piece of bread."),
        ),
    ),
)
ASIDES = (
    "{n} hummed a tune.",
    "{n} looked at the sky.",
    "{n} told a joke.",
    "{n} said nothing.",
)
MIDDLES = (
    "An hour went by.",
    "They talked about the {t} on the way.",
    "Nobody thought much about it.",
    "The day went on as always.",
    "A bell rang somewhere.",
    "Soon the time came.",
    "They said goodbye at the corner.",
    "It was an ordinary {d}.",
)
