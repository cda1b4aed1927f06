"""Key pictures as small JPEG stills, for people to look at."""

import cv2
import numpy as np

from vidrecover.picture._values import Picture

STILL_WIDTH = 320
QUALITY = 70
_MOST_HEIGHT = 4 * STILL_WIDTH


def jpeg(picture: Picture) -> bytes:
    """The picture in its own shape, 320 pixels wide; some 10 to 20 kB."""
    luma = picture.luma
    if picture.blue is None or picture.red is None:
        image = cv2.cvtColor(luma, cv2.COLOR_GRAY2BGR)
    else:
        size = (luma.shape[1], luma.shape[0])
        planes = [luma, *(cv2.resize(one, size) for one in (picture.red, picture.blue))]
        image = cv2.cvtColor(np.dstack(planes), cv2.COLOR_YCrCb2BGR)
    height = max(1, min(round(STILL_WIDTH * picture.height / picture.width), _MOST_HEIGHT))
    small = cv2.resize(image, (STILL_WIDTH, height), interpolation=cv2.INTER_AREA)
    return bytes(cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1])
