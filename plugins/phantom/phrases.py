"""What the narrator may say: phrases of each plane, templates that every plane shares, small talk. Plain words."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PlaneTalk:
    """Phrases that fit one plane.

    Attributes:
        seek: while it is searched for.
        see: while it is on screen: names it and its structures.
        things: what the templates of ``SHARED`` may be filled with.
    """

    seek: tuple[str, ...]
    see: tuple[str, ...]
    things: tuple[str, ...]

    def filled(self, kind: str) -> tuple[str, ...]:
        """The shared phrases of a kind about this plane's things."""
        return tuple(phrase.format(thing) for phrase in SHARED[kind] for thing in self.things)


SHARED: Mapping[str, tuple[str, ...]] = {
    "see": ("there is the {}", "you can see the {} here", "the {} looks normal today", "and that one is the {}"),
    "measure": ("I am measuring the {} now", "calipers on the {}", "one more measurement of the {}"),
    "instruct": (
        "slide a little until the {} is in the middle",
        "tilt slowly and keep the {} in view",
        "press gently and the {} comes out better",
        "stay on the {} for a moment",
    ),
}
"""Templates by kind. All planes share them, so that their rhythm and length tell none of them."""


PLANE_TALK: Mapping[str, PlaneTalk] = {
    "transventricular brain": PlaneTalk(
        (
            "now let's find the baby's head",
            "I am going up to the brain to see the ventricles",
            "turning a little to get the midline of the head level",
        ),
        (
            "here is the head with the midline across",
            "that is the lateral ventricle and inside it the choroid plexus",
            "the cavum is here in the front third of the brain",
            "this is the transventricular plane, the ventricle looks fine",
        ),
        ("lateral ventricle", "choroid plexus", "midline of the brain"),
    ),
    "transcerebellar brain": PlaneTalk(
        (
            "tilting down towards the back of the head for the cerebellum",
            "next I want to see the cerebellum",
            "now we look for the little brain at the back",
        ),
        (
            "this is the cerebellum, shaped like a dumbbell",
            "behind the cerebellum is the cisterna magna",
            "both halves of the cerebellum look even",
            "that is the transcerebellar view of the brain",
        ),
        ("cerebellum", "cisterna magna", "cavum and cerebellum"),
    ),
    "abdomen": PlaneTalk(
        (
            "moving down to the tummy now",
            "next we need the abdominal circumference",
            "I am looking for the stomach bubble",
        ),
        (
            "here is the tummy with the stomach, this black bubble",
            "the umbilical vein curves into the liver",
            "this is the abdomen with the spine on the side",
            "stomach and umbilical vein are both in the picture",
        ),
        ("stomach", "umbilical vein", "abdominal wall"),
    ),
    "four-chamber view": PlaneTalk(
        (
            "now let us go up to the chest and find the heart",
            "I am looking for the four chambers",
            "next is the heart, baby please hold still",
        ),
        (
            "here is the heart beating with its four chambers",
            "two atria and two ventricles of about the same size",
            "this is the septum between the ventricles and that is the crux",
            "the heart points to the left as it should",
            "the four chamber view looks normal",
            "you can see both valves opening and closing",
        ),
        ("four chambers", "septum of the heart", "left ventricle"),
    ),
    "femur": PlaneTalk(
        (
            "let's find a leg to measure",
            "going down to the thigh bone",
            "I am rotating to get the full length of the femur",
        ),
        (
            "this bright line is the thigh bone",
            "here is the femur lying flat",
            "the thigh bone is the right length",
            "both ends of the femur are clear",
        ),
        ("femur", "thigh bone", "femur shaft"),
    ),
    "lips": PlaneTalk(
        (
            "coming round to the front of the face",
            "next I want to see the lips and the nose",
        ),
        (
            "here are the lips and the tip of the nose with two nostrils",
            "the upper lip is closed all the way across",
            "this is the mouth from the front",
        ),
        ("upper lip", "lips and nostrils", "tip of the nose"),
    ),
    "profile": PlaneTalk(
        (
            "turning to see the face from the side",
            "now let us look for the profile",
        ),
        (
            "here is the profile with forehead, nose and chin",
            "this bright line is the nasal bone",
            "that is the baby's face from the side",
        ),
        ("profile", "nasal bone", "forehead and chin"),
    ),
    "kidneys": PlaneTalk(
        (
            "moving down from the stomach to see the kidneys",
            "next I am looking for both kidneys beside the spine",
        ),
        (
            "here are the two kidneys on either side of the spine",
            "the renal pelvis on both sides is not wide",
            "this is the left kidney and that is the right one",
        ),
        ("left kidney", "right kidney", "renal pelvis"),
    ),
    "coronal spine": PlaneTalk(
        (
            "turning to see the spine from behind",
            "next is the spine in the coronal plane",
        ),
        (
            "these two rows run side by side along the spine",
            "the arches are parallel all the way down",
            "this is the coronal view, the rows do not spread apart",
        ),
        ("coronal spine", "two rows of arches", "lower arches"),
    ),
    "LVOT": PlaneTalk(
        (
            "tilting up from the four chambers to the left outflow",
            "now I am looking for the aorta leaving the heart",
        ),
        (
            "here the aorta comes out of the left ventricle",
            "the septum runs on into the wall of the aorta",
            "the aortic valve is opening, that is the left outflow tract",
        ),
        ("aortic root", "left outflow tract", "aortic valve"),
    ),
    "RVOT": PlaneTalk(
        (
            "a little higher for the right outflow",
            "now the artery to the lungs, it should cross over",
        ),
        (
            "this is the pulmonary artery leaving the right ventricle",
            "the pulmonary trunk crosses over the aorta as it should",
            "that is the pulmonary valve in the right outflow tract",
        ),
        ("pulmonary trunk", "right outflow tract", "pulmonary valve"),
    ),
    "three-vessel view": PlaneTalk(
        (
            "sliding up the chest to the three vessels",
            "next I want the vessels above the heart",
        ),
        (
            "three vessels in a row, the pulmonary artery, the aorta and the caval vein",
            "the vessels get smaller from left to right as they should",
            "this small circle is the superior vena cava",
        ),
        ("three vessels", "superior caval vein", "arterial duct"),
    ),
    "sagittal spine": PlaneTalk(
        (
            "now I want to see the spine from the neck to the bottom",
            "turning around to the baby's back",
            "next we look along the spine",
        ),
        (
            "here is the spine like a string of pearls",
            "the vertebrae are in two neat rows",
            "the skin over the back is intact",
            "following the spine down to the sacrum",
            "the spine looks nice and straight",
        ),
        ("thoracic spine", "sacrum", "skin over the back"),
    ),
}

SMALL_TALK: tuple[str, ...] = (
    "did you find a place to park this morning",
    "it has been raining all week",
    "have you thought about any names yet",
    "please could you dim the lights a little",
    "the gel is a bit cold, sorry about that",
    "how was your holiday by the sea",
    "we are running ten minutes late today",
    "is your sister coming to stay with you",
    "the printer is out of paper again",
    "would you like to sit up for a moment",
    "I had no time for breakfast today",
    "you can leave your bag on the chair",
)
